"""Archive.verify finds damage, and finds it where `lensbench verify` does."""

import random
import unittest

import h5py
import lensbench
import support


def first_chunk(path, name):
    """Place of the first byte of a dataset's values in the file."""
    with h5py.File(path) as file:
        return file[name].id.get_chunk_info(0).byte_offset


def place_of(path, text, start=0):
    return path.read_bytes().index(text, start)


class Verify(unittest.TestCase):
    def damage(self, path):
        """The part that the package names, None if intact; checked against the command."""
        command = support.call("verify", path, check=False)
        try:
            lensbench.open(path, verify=True).verify()
            found = None
        except lensbench.DamagedArchiveError as error:
            found = error.part
            self.assertIn(str(path), str(error))
        except lensbench.ArchiveError as error:
            found = str(error)
        said = command.stdout + command.stderr
        self.assertEqual(found is not None, command.returncode != 0, f"package: {found}, command: {said}")
        if command.returncode == 1 and found.startswith("/results"):
            self.assertRegex(said, f"{found} (differs|is missing)")
        return found

    def flipped(self, at, bit=0):
        path = support.copy_of(support.FORMAT_1, "flipped.h5")
        content = bytearray(path.read_bytes())
        content[at] ^= 1 << bit
        path.write_bytes(content)
        return path

    def test_intact_archives(self):
        for path in [support.lens(), support.first_look(), support.patterns(), support.FORMAT_1]:
            self.assertIsNone(self.damage(path), path)

    def test_a_flipped_bit_of_each_kind(self):
        path = support.FORMAT_1
        kinds = {
            "/results/logit_lens/entropy": first_chunk(path, "results/logit_lens/entropy"),
            "/receipts/value": first_chunk(path, "receipts/value"),
            "/recipe/text": place_of(path, b"In the\0") + 1,
            "/results/logit_lens/input_token": place_of(path, b" the\0", place_of(path, b"In the\0") + 7) + 1,
            "/run/json": place_of(path, b'"forwards":2') + len('"forwards":'),
        }
        for part, at in kinds.items():
            with self.subTest(part):
                self.assertEqual(self.damage(self.flipped(at)), part)

    def test_a_flipped_bit_of_the_bookkeeping(self):
        path = support.FORMAT_1
        with h5py.File(path) as file:
            digest = file.attrs["seal_sha256"].encode()
            header = h5py.h5o.get_info(file["results/logit_lens/entropy"].id).addr
        for at in [0, 9, 40, header + 8, place_of(path, digest)]:
            self.assertIsNotNone(self.damage(self.flipped(at)), at)

    def test_random_bits(self):
        draw = random.Random(20260101)
        size = support.FORMAT_1.stat().st_size
        found = [self.damage(self.flipped(draw.randrange(size), draw.randrange(8))) for _ in range(15)]
        self.assertGreater(sum(part is not None for part in found), 3)

    def test_values_that_were_rewritten_with_their_checksums(self):
        path = support.copy_of(support.lens(), "rewritten.h5")
        with h5py.File(path, "r+") as file:
            file["results/logit_lens/entropy"][2, 1] += 1e-6
        self.assertEqual(self.damage(path), "/results/logit_lens/entropy")

    def test_attributes_and_members_that_were_changed(self):
        path = support.copy_of(support.lens(), "attributes.h5")
        with h5py.File(path, "r+") as file:
            file["results/logit_lens"].attrs["norm"] = 7
        self.assertEqual(self.damage(path), "/results/logit_lens")
        path = support.copy_of(support.lens(), "members.h5")
        with h5py.File(path, "r+") as file:
            del file["results/logit_lens/entropy"]
        self.assertEqual(self.damage(path), "/results/logit_lens/entropy")

    def test_a_file_that_was_cut_off(self):
        path = support.copy_of(support.lens(), "short.h5")
        path.write_bytes(path.read_bytes()[:-1000])
        self.assertIsNotNone(self.damage(path))

    def test_a_digest_that_was_kept_elsewhere(self):
        archive = lensbench.open(support.lens())
        archive.verify(expect=archive.digests["seal"])
        archive.verify(expect=archive.digests["results"])
        for other in [archive.digests["recipe"], "0" * 64]:
            with self.assertRaisesRegex(lensbench.ArchiveError, "intact, but"):
                archive.verify(expect=other)
