#include "core/files/sha256.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <lensbench/error.hpp>

#include "support/temp_dir.hpp"

namespace lensbench {
namespace {

// FIPS 180-4 example vectors (NIST, "Examples with intermediate values": SHA-256).
TEST(Sha256, HashesTheEmptyMessageAsPublished) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, HashesOneBlockAsPublished) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, HashesTwoBlocksAsPublished) {
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, HashesAMillionLettersAsPublishedWhenGivenInPieces) {
  Sha256 hash;
  for (int i = 0; i < 1000; ++i) hash.update(std::string(1000, 'a'));
  EXPECT_EQ(to_hex(hash.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const testing::TempDir folder;
  std::ofstream(folder / "abc.txt", std::ios::binary) << "abc";
  EXPECT_EQ(sha256_file(folder / "abc.txt"), sha256_hex("abc"));
}

TEST(Sha256, OfAMissingFileOrAFolderIsAnInputError) {
  const testing::TempDir folder;
  EXPECT_THROW(sha256_file(folder / "missing"), InputError);
  EXPECT_THROW(sha256_file(folder.path()), InputError);
}

}  // namespace
}  // namespace lensbench
