"""TFRecords are read without TensorFlow, and damage is named."""

from __future__ import annotations

import numpy as np
import pytest
from tfrecords import crc32c as bitwise
from tfrecords import part, record, sequence_example

from mmsync.errors import DataError
from mmsync.media.tfrecord import crc32c, parse_sequence_example, read_records

CONTEXT = {"name": [b"one"], "len": [3], "label": [-1], "speed": [0.5, 2.0], "many": [2**62, -(2**63), 0]}
STEPS = {"video": [[b"x" * 700], [b""], [b"zz"]], "frame_labels": [[0], [300], [-1]]}


def test_checksum_has_the_published_check_value():
    assert crc32c(b"123456789") == bitwise(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(b"") == 0


@pytest.mark.parametrize("length", [1, 511, 512, 513, 1024, 1025, 3 * 512 + 1, 5000])
def test_checksum_in_lanes_equals_bit_by_bit(length):
    data = np.random.default_rng(length).integers(0, 256, length, dtype=np.uint8).tobytes()
    assert crc32c(data) == bitwise(data)


@pytest.mark.parametrize("packed", [True, False])
def test_example_is_read_as_written(packed):
    example = parse_sequence_example(sequence_example(CONTEXT, STEPS, packed))
    assert bytes(example.context["name"][0]) == b"one"
    for key in ("len", "label", "speed", "many"):
        assert example.context[key].tolist() == CONTEXT[key]
    assert [bytes(step[0]) for step in example.steps["video"]] == [step[0] for step in STEPS["video"]]
    assert [step.tolist() for step in example.steps["frame_labels"]] == STEPS["frame_labels"]


def test_records_are_found_again_by_their_offset(tmp_path):
    payloads = [b"", b"a", bytes(range(256)) * 9]
    (tmp_path / "f").write_bytes(b"".join(map(record, payloads)))
    found = list(read_records(tmp_path / "f"))
    assert [payload for _, payload in found] == payloads
    for offset, payload in found:
        assert next(read_records(tmp_path / "f", offset)) == (offset, payload)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "record 1 is cut off: 3 bytes .* are left"),
        (lambda data: data[:-13], "record 1 is cut off in its header"),
        (lambda data: data[:-6] + b"!" + data[-5:], "record 1 has a wrong checksum of its data"),
        (lambda data: b"\x01" + data[1:], "record 0 has a wrong checksum of its length"),
        (lambda data: b"\x1f\x8b" + bytes(50), "record 0 has a wrong checksum of its length; is this a TFRecord"),
    ],
)
def test_damage_names_file_and_record(tmp_path, change, message):
    (tmp_path / "bad").write_bytes(change(record(b"first" * 9) + record(b"two")))
    with pytest.raises(DataError, match=f"bad: {message}"):
        list(read_records(tmp_path / "bad"))


def test_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="none cannot be read"):
        list(read_records(tmp_path / "none"))


@pytest.mark.parametrize("payload", [b"\xff" * 12, b"\x0a\x7f", b"\x0b", part(1, part(1, b"\x08\x05")), b"\x08\x05"])
def test_other_bytes_are_no_example(payload):
    with pytest.raises(DataError, match=r"here: no tf.train.SequenceExample"):
        parse_sequence_example(payload, "here")


def test_every_cut_of_an_example_is_read_or_refused():
    whole = sequence_example({"name": [b"n"], "len": [3]}, {"frame_labels": [[0], [1]]})
    for end in range(len(whole)):
        try:
            parse_sequence_example(whole[:end])
        except DataError:
            continue
