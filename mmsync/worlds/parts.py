"""Parts of motion programs: what arms, trunk and legs do; each part writes the keys and swings of its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mmsync.worlds import performers as body
from mmsync.worlds.dice import Dice
from mmsync.worlds.postures import ARM_POSES, reach, touch_poses

if TYPE_CHECKING:
    from mmsync.worlds.programs import MotionPrograms

KEYS = 5
"""Key values of a control."""
GROUPS = (*body.ARMS, slice(12, 20), body.TRUNK, body.NECK, slice(26, 29), slice(29, 32))
"""Controls that have the same times: either arm, both legs, trunk, neck, the body's height, the way."""
_LEGS, _TRUNK, _BODY, _WAY = 2, 3, 5, 6  # of the groups
_LEGWORK = {  # what legs do, and how often
    "stand": 0.75, "walk": 0.13, "run": 0.05, "march": 0.05, "sidestep": 0.03, "squat": 0.15, "squats": 0.04,
    "kick": 0.13, "jump": 0.03, "jumps": 0.04, "seated": 0.06, "step": 0.06, "balance": 0.02, "fall": 0.02,
}  # fmt: skip
_SIN, _COS, _COS2 = 0, 1, 3  # coefficients of swings
_ARMS_CLOCK, _GAIT = 0, 1


def rest_arms(keys: Tensor, resting: Tensor, dice: Dice) -> None:
    """Fill keys at which arms rest; ``keys (B, 32, 5)``, ``resting (B, 2, 5)``."""
    count = len(keys)
    for side, arm in enumerate(body.ARMS):
        ranges = ((-0.1, 0.4), (-0.3, 0.3), (0.03, 0.4), (0.05, 0.8), (-0.2, 0.2), (-0.1, 0.1))
        rest = torch.stack([dice.uniform(low, high, count) for low, high in ranges], 1)[..., None]
        keys[:, arm] = torch.where(resting[:, side, None], rest, keys[:, arm])


def draw_arms(programs: MotionPrograms, dice: Dice) -> None:
    """One arm, both together, each on its own or none: a few postures, and swings about them."""
    count = len(programs)
    pose, wave = _arm_poses(dice, count), _arm_waves(dice, count)
    rests, returns = dice.chance(0.7, count, 2), dice.chance(0.55, count, 2)
    pose[:, :, -1] = torch.where(returns[..., None], pose[:, :, 0], pose[:, :, -1])
    resting = torch.zeros_like(programs.resting)
    resting[:, :, 0], resting[:, :, -1] = rests, rests & returns

    how = dice.uniform(0, 1, count)
    both = (how >= 0.42) & (how < 0.8)
    held = both & dice.chance(0.25, count)  # one object in both hands
    pose[..., :4] = torch.where(held[:, None, None, None], _two_hands(dice, count), pose[..., :4])
    lateral = pose.new_tensor([1, -1, -1, 1, 1, -1])
    aside = (held | dice.chance(0.25, count)).float()[:, None]  # to the same side, rather than mirrored
    turn = torch.where(~held & dice.chance(0.4, count), -1.0, 1.0)[:, None]  # in antiphase
    together = wave[:, 0] * (turn * (1 - aside + aside * lateral))[..., None]
    wave[:, 1] = torch.where(both[:, None, None], together, wave[:, 1])
    pose[:, 1] = torch.where((both & ~held)[:, None, None], pose[:, 0], pose[:, 1])
    resting[:, 1] = torch.where(both[:, None], resting[:, 0], resting[:, 1])
    for value in (programs.times, programs.spans):
        value[:, 1] = torch.where(both[:, None], value[:, 0], value[:, 1])

    idle = dice.chance(0.35, count).long()  # who moves one arm mostly moves the right one
    idle = (how < 0.42)[:, None] & (idle[:, None] == torch.arange(2, device=dice.device)) | (how > 0.92)[:, None]
    programs.resting = resting | idle[..., None]
    loaded = (held[:, None] | ~idle & ~both[:, None] & dice.chance(0.15, count, 1)) & dice.chance(0.5, count, 1)
    programs.load = loaded * dice.uniform(0.2, 1.5, count, 1)
    for side, arm in enumerate(body.ARMS):
        programs.keys[:, arm] = pose[:, side].transpose(1, 2)
        programs.swing[:, arm, _ARMS_CLOCK] = wave[:, side] * ~idle[:, side, None, None]
    rest_arms(programs.keys, programs.resting, dice)


def _arm_poses(dice: Dice, count: int) -> Tensor:
    """Key postures ``(B, 2, 5, 6)`` of both arms: at the body, common ones, or any; the last ones are the same."""
    shape = (count, 2, KEYS)
    touch, common = touch_poses(dice.device), ARM_POSES.to(dice.device)
    touch = touch[dice.index(len(touch), *shape)] + dice.normal(0.05, *shape, 4)
    common = common[dice.index(len(common), *shape)] + dice.normal(0.15, *shape, 4)
    ranges = ((-0.6, 3), (-1, 1), (0, 1.6), (0, 2.3))
    anywhere = torch.stack([dice.uniform(low, high, *shape) for low, high in ranges], 3)
    known = torch.where(dice.chance(0.3, *shape, 1), touch, common)
    pose = torch.where(dice.chance(0.6, count, 2, 1, 1), known, anywhere)
    wrist = dice.normal(0.35, *shape, 2) * dice.chance(0.3, count, 2, 1, 1)
    last = torch.minimum(torch.arange(KEYS, device=dice.device).expand(shape), dice.index(KEYS, count, 2, 1))
    return torch.cat([pose, wrist], 3).gather(2, last[..., None].expand(*shape, 6))


def _arm_waves(dice: Dice, count: int) -> Tensor:
    """Swings ``(B, 2, 6, 4)`` of both arms: by sine or cosine, for lines and circles of the hands, some eights."""
    size = dice.normal(1, count, 2, 6) * torch.tensor([0.5, 0.4, 0.4, 0.6, 0.3, 0.1], device=dice.device)
    size = size * dice.chance(0.5, count, 2, 6) * dice.chance(0.6, count, 2, 1)
    form = dice.index(2, count, 2, 6) + 2 * dice.chance(0.1, count, 2, 6)
    return size[..., None] * one_hot(form, 4)


def _two_hands(dice: Dice, count: int) -> Tensor:
    """Postures ``(B, 2, 5, 4)`` of both arms with an object between the hands, such as a box or a stick."""
    ranges = ((-0.16, 0.16), (-0.05, 0.6), (0.1, 0.3))
    middle = torch.stack([dice.uniform(low, high, count, KEYS) for low, high in ranges], 2)
    middle[..., 0] *= dice.chance(0.6, count, 1)
    box = dice.uniform(0.02, 0.22, count, 1, 1) * middle.new_tensor([1, 0, 0])
    grip = torch.where(dice.chance(0.6, count, 1, 1), box, dice.normal(0.04, count, 1, 3))
    mirror, twist = middle.new_tensor([-1, 1, 1]), dice.uniform(-0.9, -0.2, count, 1)
    return torch.stack([reach(middle + grip / 2, twist), reach((middle - grip / 2) * mirror, twist)], 1)


def draw_trunk(programs: MotionPrograms, dice: Dice) -> None:
    """Bends, twists and leans of the trunk, swings of it, and turns of the head; some together with the arms."""
    count = len(programs)
    pose = dice.normal(1, count, 3, 3) * programs.keys.new_tensor([0.45, 0.4, 0.25])
    pose[..., 0] = pose[..., 0].abs() * 1.3 - 0.15
    pose = pose * dice.chance(0.35, count, 1, 1)
    pose[:, 0] *= dice.chance(0.2, count, 1)
    pose[:, 2] = torch.where(dice.chance(0.6, count, 1), pose[:, 0], pose[:, 2])
    programs.keys[:, body.TRUNK] = pose[:, [0, 1, 1, 2, 2]].transpose(1, 2)
    swing = dice.normal(1, count, 3) * programs.keys.new_tensor([0.2, 0.3, 0.2])
    programs.swing[:, body.TRUNK, 0, 0] = swing * dice.chance(0.6, count, 3) * dice.chance(0.25, count, 1)
    programs.spans[:, _TRUNK] = dice.uniform(0.12, 0.4, count, 1)
    with_arms = dice.chance(0.4, count, 1)
    for name in ("times", "spans"):
        value = getattr(programs, name)
        value[:, _TRUNK] = torch.where(with_arms, value[:, 1], value[:, _TRUNK])
    head = dice.normal(0.3, count, 3, 2) * dice.chance(0.3, count, 1, 1)
    programs.keys[:, body.NECK] = head[:, :, [0, 1, 1, 1, 1]]
    nod = dice.normal(0.25, count, 3) * dice.chance(0.05, count, 1)
    programs.swing[:, body.NECK, 0, 0] = nod * dice.chance(0.5, count, 3)


def draw_legs(programs: MotionPrograms, dice: Dice) -> None:
    """Legs that stand, walk, squat, kick, jump, step, sit or fall, with the way and the turns of the body."""
    count = len(programs)
    bounds = torch.tensor(list(_LEGWORK.values()), device=dice.device).cumsum(0)
    kind = torch.bucketize(dice.uniform(0, 1, count) * bounds[-1], bounds, right=True)
    does = {name: kind == i for i, name in enumerate(_LEGWORK)}
    # what swings about a key that is no rest goes on for the whole motion, and bodies are slower than arms
    again = does["squats"] | does["kick"] | does["jumps"]
    programs.window = torch.where(again[:, None], programs.window.new_tensor([-1.0, 2.0]), programs.window)
    slower = torch.where(does["squats"] | does["kick"], 0.5, 1.0)
    programs.rate = programs.rate * torch.stack([slower, torch.ones_like(slower)], 1)
    _walk(programs, dice, does)
    _crouch(programs, dice, does)
    _kick(programs, dice, does)
    _jump(programs, dice, does)
    turns = dice.chance(0.08, count) * dice.sign(count) * dice.uniform(0.7, 3.1, count)
    programs.keys[:, body.HEADING, 2:] += turns[:, None]  # in the second step of the group; the way is the first
    programs.times[:, _WAY, 1], programs.spans[:, _WAY, 1] = dice.uniform(0.05, 0.4, count), 0.5


def _walk(programs: MotionPrograms, dice: Dice, does: dict[str, Tensor]) -> None:
    """Gaits, in place or along a way that fits the strides; arms and trunk swing along."""
    keys, swing, count = programs.keys, programs.swing[:, :, _GAIT], len(programs)
    walks, run, march = does["walk"] | does["run"], does["run"], does["march"]
    width = walks * torch.where(run, dice.uniform(0.5, 0.9, count), dice.uniform(0.25, 0.6, count))
    knee = torch.where(run, dice.uniform(0.8, 1.4, count), dice.uniform(0.3, 1.2, count))
    lift = march * dice.uniform(0.3, 0.8, count)
    limp = torch.where(dice.chance(0.1, count), dice.uniform(0.3, 0.7, count), 1.0)
    for sign, leg in zip((1, -1), body.LEGS):
        forward, out, bend, ankle = range(leg.start, leg.stop)
        share = limp if sign > 0 else 1
        keys[:, forward] += (share * lift)[:, None]
        swing[:, forward, _SIN] += share * sign * (width + lift)
        keys[:, bend] += (share * (width * knee + 1.2 * lift))[:, None]
        swing[:, bend, _COS] += share * sign * width * knee
        swing[:, bend, _SIN] += 1.2 * share * sign * lift
        swing[:, ankle, _SIN] += 0.5 * sign * width  # the heel lands first, the toes leave last
        swing[:, ankle, _COS] -= 0.3 * sign * width
        side = does["sidestep"] * dice.uniform(0.15, 0.35, count)
        keys[:, out] += side[:, None]
        swing[:, out, _COS] += side * (1 if sign > 0 else -1)
    swings = dice.chance(0.6, count) * dice.uniform(0, 1, count) * (width + lift)
    for sign, arm in zip((1, -1), body.ARMS):
        swing[:, arm.start, _SIN] -= sign * swings
    swing[:, body.TRUNK.start + 1, _SIN] += dice.uniform(0, 0.2, count) * width
    swing[:, body.TRUNK.start + 2, _COS] += dice.uniform(-0.1, 0.1, count) * width
    flight = run * dice.uniform(0, 0.04, count)
    keys[:, body.LIFT] += flight[:, None]
    swing[:, body.LIFT, _COS2] += flight
    travels = dice.chance(0.75, count) * torch.where(dice.chance(0.8, count), 1.0, -0.6)
    stride = (3.4 * width * programs.rate[:, _GAIT]).clamp(max=2.6)
    way = travels * stride * dice.uniform(0.5, 1, count)
    keys[:, body.FORWARD, 1:] += way[:, None]
    aside = torch.where(does["sidestep"], dice.uniform(0.3, 1.2, count), 0.15 * walks * dice.uniform(0, 1, count))
    keys[:, body.ASIDE, 1:] += (aside * dice.sign(count))[:, None]
    programs.times[:, _WAY, 0], programs.spans[:, _WAY, 0] = 0.05, 0.85


def _crouch(programs: MotionPrograms, dice: Dice, does: dict[str, Tensor]) -> None:
    """Squat, sit down, stand up, stay seated, fall; some reach down to pick something up."""
    keys, count = programs.keys, len(programs)
    first = dice.chance(0.35, count) * dice.uniform(0.3, 1, count)
    second = dice.uniform(0, 1, count)
    last = torch.where(dice.chance(0.4, count), first, second)
    depth = torch.stack([first, second, second, last, last], 1) * does["squat"][:, None]
    seat = does["seated"] * dice.uniform(0.7, 1, count)
    keys[:, body.CROUCH] += depth + seat[:, None]
    often = does["squats"] * dice.uniform(0.1, 0.4, count)
    keys[:, body.CROUCH] += often[:, None]
    programs.swing[:, body.CROUCH, _ARMS_CLOCK, _COS] -= often
    programs.spans[:, _BODY] = dice.uniform(0.12, 0.4, count, 1)

    # picked up from the floor: trunk, legs and an arm move at the same times
    picks = (does["squat"] | does["stand"]) & dice.chance(0.3, count)
    bend = picks * dice.uniform(0.5, 1.2, count)
    keys[:, body.TRUNK.start, 1:3] += bend[:, None]
    for sign, arm in zip((1, 0), body.ARMS):
        low = keys.new_tensor([0.9, 0.0, 0.1, 0.1]).view(1, 4, 1) + dice.normal(0.15, count, 4, 1)
        chosen = (picks & (dice.chance(0.35, count) if sign else dice.chance(0.8, count)))[:, None, None]
        reach_down = keys[:, arm.start : arm.start + 4, 1:3]
        reach_down.copy_(torch.where(chosen, low, reach_down))
    rises = (does["squat"] & dice.chance(0.4, count))[:, None]
    for name in ("times", "spans"):
        value = getattr(programs, name)
        for group in (0, 1, _TRUNK):
            value[:, group] = torch.where(picks[:, None], value[:, _BODY], value[:, group])
        value[:, _TRUNK] = torch.where(rises, value[:, _BODY], value[:, _TRUNK])
    fall = does["fall"] * dice.sign(count) * dice.uniform(0.8, 1.5, count)
    keys[:, body.TIP, 1:] += fall[:, None]
    back = (does["fall"] & dice.chance(0.3, count))[:, None]
    keys[:, body.TIP] = torch.where(back, keys[:, body.TIP].flip(1), keys[:, body.TIP])


def _kick(programs: MotionPrograms, dice: Dice, does: dict[str, Tensor]) -> None:
    """Kicks, once or again and again; one step forward, back or aside; a leg that is held up."""
    keys, swing, count = programs.keys, programs.swing[:, :, _ARMS_CLOCK], len(programs)
    right = dice.chance(0.65, count)
    kicks, steps, holds = does["kick"], does["step"], does["balance"]
    ranges = ((-0.5, 1.7), (0, 0.9), (-0.2, 1.6), (-0.4, 0.4))
    top = torch.stack([dice.uniform(low, high, count) for low, high in ranges], 1)
    chamber = torch.stack([0.7 * top[:, 0], 0.5 * top[:, 1], top[:, 2] + dice.uniform(0.2, 1, count), top[:, 3]], 1)
    chamber = torch.where(dice.chance(0.5, count, 1), chamber, 0.5 * top)
    zero = torch.zeros_like(top)
    once = torch.stack([zero, chamber, top, chamber, zero], 2)
    hold = torch.stack([zero, top, top, top, top], 2)
    again = dice.chance(0.4, count)
    lunge = torch.stack([dice.uniform(0.4, 1, count), dice.uniform(0, 0.4, count), dice.uniform(0.3, 1.2, count)], 1)
    sign = torch.where(dice.chance(0.7, count), 1.0, -0.6)
    lunge = torch.cat([lunge[:, :1] * sign[:, None], lunge[:, 1:], zero[:, :1]], 1)
    back = torch.where(dice.chance(0.5, count, 1), zero, lunge)
    step = torch.stack([zero, lunge, lunge, back, back], 2)
    for side, leg in enumerate(body.LEGS):
        mine = right if side else ~right
        wide = (kicks & again & mine)[:, None]
        keys[:, leg] += once * (kicks & ~again & mine)[:, None, None] + hold * (holds & mine)[:, None, None]
        keys[:, leg] += 0.5 * (top * wide)[..., None]
        swing[:, leg, _COS] -= 0.5 * top * wide
        keys[:, leg] += step * (steps & mine)[:, None, None]
        keys[:, leg.start] -= 0.4 * step[:, 0] * (steps & ~mine)[:, None]
    stride = steps * sign * dice.uniform(0.2, 0.7, count)
    keys[:, body.FORWARD, 1:] += stride[:, None]
    center, width = dice.uniform(0.25, 0.7, count, 1), dice.uniform(0.06, 0.18, count, 1)
    order = torch.arange(-2, KEYS - 3, device=dice.device)
    single = (kicks | holds | steps)[:, None]
    programs.times[:, _LEGS] = torch.where(single, center + width * order, programs.times[:, _LEGS])
    programs.spans[:, _LEGS] = torch.where(single, 1.2 * width, programs.spans[:, _LEGS])
    at = steps[:, None]
    programs.times[:, _WAY, :1] = torch.where(at, center - 2 * width, programs.times[:, _WAY, :1])
    programs.spans[:, _WAY, :1] = torch.where(at, 2 * width, programs.spans[:, _WAY, :1])


def _jump(programs: MotionPrograms, dice: Dice, does: dict[str, Tensor]) -> None:
    """One jump out of a crouch, or many, some with legs that open."""
    keys, swing, count = programs.keys, programs.swing[:, :, _ARMS_CLOCK], len(programs)
    once, many = does["jump"], does["jumps"]
    height = dice.uniform(0.05, 0.3, count)
    deep = dice.uniform(0.2, 0.7, count)
    zero = torch.zeros_like(deep)
    keys[:, body.LIFT] += torch.stack([zero, zero, height, zero, zero], 1) * once[:, None]
    keys[:, body.CROUCH] += torch.stack([zero, deep, zero, 0.6 * deep, zero], 1) * once[:, None]
    keys[:, body.FORWARD, 1:] += (once * dice.chance(0.3, count) * dice.uniform(0, 0.8, count))[:, None]
    center = dice.uniform(0.25, 0.6, count, 1)
    width = dice.uniform(0.06, 0.12, count, 1)
    order = torch.arange(-1, KEYS - 2, device=dice.device)
    programs.times[:, _BODY] = torch.where(once[:, None], center + width * order, programs.times[:, _BODY])
    programs.spans[:, _BODY] = torch.where(once[:, None], width, programs.spans[:, _BODY])
    programs.times[:, _WAY, :1] = torch.where(once[:, None], center, programs.times[:, _WAY, :1])
    programs.spans[:, _WAY, :1] = torch.where(once[:, None], 2 * width, programs.spans[:, _WAY, :1])
    swing[:, body.LIFT, _SIN] += many * height
    swing[:, body.CROUCH, _SIN] -= many * 0.6 * height
    opened = many * dice.chance(0.5, count) * dice.uniform(0, 0.3, count)
    for leg in body.LEGS:
        keys[:, leg.start + 1] += opened[:, None]
        swing[:, leg.start + 1, _COS] -= opened
