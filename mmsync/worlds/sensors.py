"""What cameras and sensors make of a moving body: directions, pictures, noise, faults and missing joints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mmsync.worlds.dice import Dice

# Joints of `kinect20`.
_PELVIS, _, _NECK, _HEAD = range(4)
_SHOULDERS, _WRISTS, _HANDS, _HIPS, _ANKLES, _FEET = [4, 8], [6, 10], [7, 11], [12, 16], [14, 18], [15, 19]
_LEGS = list(range(12, 20))


@dataclass(frozen=True)
class Sensor:
    """A random camera and sensor for each clip of a batch; a scale of 0 turns a kind of nuisance off.

    Cost: 0.03 s for 256 clips of 64 frames on one core, most of it for noise and copies.

    Args:
        pictures: Share of clips that are pictures: in perspective, their depth is zero.
        turn: Scale of the camera's directions; 1: about 14 degrees of yaw, 40 for pictures, 7 of pitch, 4 of roll.
        noise: Scale of the joints' jitter, of which half is smooth in time; 1: about 8 mm.
        faults: Scale of the probabilities of joints that stay, jump or are off for some frames, and of exchanged sides.
        layouts: Scale of the probabilities that joints are missing and stand at their nearest ancestor that is there:
            hands and feet, the spine, the head, both legs.
    """

    pictures: float = 0.3
    turn: float = 1.0
    noise: float = 1.0
    faults: float = 1.0
    layouts: float = 1.0

    def __call__(self, people: Tensor, generator: Generator) -> Tensor:
        """Record positions ``(B, M, T, 20, 3)``, meters, x to the left, y up, z forward: the same with nuisances."""
        dice, size = Dice(generator), people.shape[:2]
        flat = dice.chance(self.pictures, len(people))
        people = self._camera(people, flat, dice).flatten(0, 1)
        people = self._break(self._jitter(people, dice), dice).unflatten(0, size)
        people = self._lose(people, dice)
        people[..., 2] *= (~flat).view(-1, 1, 1, 1)
        return people

    def _camera(self, people: Tensor, flat: Tensor, dice: Dice) -> Tensor:
        count = len(people)
        yaw = dice.normal(self.turn, count) * torch.where(flat, 0.7, 0.25)
        pitch, roll = dice.normal(0.12 * self.turn, count), dice.normal(0.06 * self.turn, count)
        zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

        def about(a: Tensor, order: list[int]) -> Tensor:
            rows = torch.stack([a.cos(), -a.sin(), zero, a.sin(), a.cos(), zero, zero, zero, one], 1)
            return rows.unflatten(1, (3, 3))[:, order][:, :, order]

        # order of axes: about z, about x and about y
        turn = about(roll, [0, 1, 2]) @ about(pitch, [2, 0, 1]) @ about(yaw, [1, 2, 0])
        stretch = 1 + dice.normal(0.06 * self.turn, count, 1, 3)
        seen = people.flatten(1, 3) @ (turn.transpose(1, 2) * stretch)
        # who faces the camera comes nearer with z
        distance = dice.uniform(3, 10, count, 1, 1)
        nearer = (seen[..., 2:] - seen[..., 2:].mean(1, keepdim=True)) / distance
        seen = torch.where(flat[:, None, None], seen / (1 - nearer).clamp(min=0.6), seen)
        return seen.view_as(people)

    def _jitter(self, points: Tensor, dice: Dice) -> Tensor:
        if not self.noise:
            return points
        count, frames = points.shape[:2]
        noise = dice.normal(0.008 * self.noise, count, 60, frames) * dice.spread(0.8, count, 1, 1)
        smooth = 2 * F.avg_pool1d(noise, 5, 1, 2)
        noise = torch.where(dice.chance(0.5, count, 1, 1), smooth, noise)
        return points + noise.unflatten(1, (20, 3)).movedim(3, 1)

    def _break(self, points: Tensor, dice: Dice) -> Tensor:
        """Joints that stay where they were, jump or are off for some frames; left and right arm exchanged."""
        count, frames = points.shape[:2]
        rows, time = torch.arange(count, device=points.device), torch.arange(frames, device=points.device)
        points = points.clone()
        for longest in (0.4, 0.4, 0.05):
            joint, start = dice.index(20, count), dice.uniform(0, frames, count)
            length = dice.uniform(0, longest * frames, count)
            during = (time >= start[:, None]) & (time < (start + length)[:, None])
            hit = dice.chance(0.3 * self.faults, count, 1) & during
            still = points[rows, start.long(), joint] + dice.normal(0.1, count, 3)
            shifted = points[rows, :, joint] + dice.normal(0.15, count, 1, 3)
            wrong = torch.where(dice.chance(0.7, count, 1, 1), still[:, None], shifted)
            points[rows, :, joint] = torch.where(hit[..., None], wrong, points[rows, :, joint])
        start = dice.uniform(0, 1, count, 1) * frames
        hit = dice.chance(0.03 * self.faults, count, 1) & (time >= start) & (time < start + 0.15 * frames)
        arms = points[:, :, 4:12]
        points[:, :, 4:12] = torch.where(hit[..., None, None], arms[:, :, [4, 5, 6, 7, 0, 1, 2, 3]], arms)
        return points

    def _lose(self, people: Tensor, dice: Dice) -> Tensor:
        """Joints that other layouts lack stand at an ancestor, the trunk's between hips and shoulders."""
        count, scale = len(people), self.layouts
        source = torch.arange(20, device=people.device).repeat(count, 1)

        def replace(joints: list[int], others: list[int], where: Tensor) -> None:
            source[:, joints] = torch.where(where[:, None], source[:, others], source[:, joints])

        kind = dice.uniform(0, 1, count)
        replace(_HANDS, _WRISTS, kind < 0.35 * scale)
        replace(_FEET, _ANKLES, kind < 0.3 * scale)
        ends = (kind >= 0.35) & (kind < 0.35 + 0.1 * scale)  # hands and feet only, without wrists and ankles
        replace(_WRISTS, _HANDS, ends)
        replace(_ANKLES, _FEET, ends)
        replace([_HEAD], [_NECK], dice.chance(0.04 * scale, count))
        replace(_LEGS, [_PELVIS] * 8, dice.chance(0.05 * scale, count))
        between = dice.chance(0.25 * scale, count).view(-1, 1, 1, 1, 1)
        hips, shoulders = people[..., _HIPS, :].mean(3), people[..., _SHOULDERS, :].mean(3)
        middle = torch.stack([hips, (hips + shoulders) / 2, shoulders], 3)
        trunk = torch.where(between, middle, people[..., :3, :])
        head = people[..., 3:4, :] + dice.normal(0.05 * self.noise, count, 1, 1, 1, 3)  # nose, face or crown
        people = torch.cat([trunk, head, people[..., 4:, :]], 3)
        return people.gather(3, source[:, None, None, :, None].expand_as(people))
