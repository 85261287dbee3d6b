#include "checkpoint/gguf/gguf_header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

template <class T>
std::string raw_bytes(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string gguf_text(const std::string& value) {
  return raw_bytes<std::uint64_t>(value.size()) + value;
}

/// A tensor's description.
std::string gguf_tensor(const std::string& name, const std::vector<std::uint64_t>& sizes,
                        std::uint32_t type, std::uint64_t offset) {
  std::string bytes = gguf_text(name) + raw_bytes(static_cast<std::uint32_t>(sizes.size()));
  for (const std::uint64_t size : sizes) bytes += raw_bytes(size);
  return bytes + raw_bytes(type) + raw_bytes(offset);
}

/// A file of these pairs and tensors, with `data` bytes after its header.
std::string gguf_file_of(const std::vector<std::string>& pairs,
                         const std::vector<std::string>& tensors, std::size_t data,
                         std::uint32_t version = 3) {
  std::string bytes = "GGUF" + raw_bytes(version) + raw_bytes<std::uint64_t>(tensors.size()) +
                      raw_bytes<std::uint64_t>(pairs.size());
  for (const std::string& pair : pairs) bytes += pair;
  for (const std::string& tensor : tensors) bytes += tensor;
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + std::string(data, 'x');
}

std::string gguf_fault(const std::string& file) {
  return message_of<InputError>([&] { parse_gguf_header(file, "model.gguf"); });
}

constexpr std::uint32_t kTextValue = 8, kList = 9, kUint32 = 4;

TEST(GgufHeader, HasTheValuesOfItsMetadata) {
  const GgufHeader header = parse_gguf_header(
      gguf_file_of(
          {gguf_text("a") + raw_bytes(kTextValue) + gguf_text("llama"),
           gguf_text("b") + raw_bytes(kUint32) + raw_bytes<std::uint32_t>(7),
           gguf_text("c") + raw_bytes(kList) + raw_bytes(kUint32) + raw_bytes<std::uint64_t>(2) +
               raw_bytes<std::uint32_t>(3) + raw_bytes<std::uint32_t>(4)},
          {}, 0),
      "model.gguf");
  EXPECT_EQ(header.metadata.at("a"), "llama");
  EXPECT_EQ(header.metadata.at("b"), 7);
  EXPECT_EQ(header.metadata.at("c"), (nlohmann::json{3, 4}));
}

TEST(GgufHeader, HasShapesWithTheAdjacentAxisLastAndPlacesInBytes) {
  const GgufHeader header = parse_gguf_header(
      gguf_file_of({},
                   {gguf_tensor("plain", {4, 3}, 0, 0), gguf_tensor("blocks", {256, 2}, 12, 64)},
                   64 + 288),
      "model.gguf");
  const GgufTensor &plain = header.tensors.at("plain"), &blocks = header.tensors.at("blocks");
  EXPECT_EQ(plain.shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(plain.end, 48U);
  EXPECT_EQ(blocks.type, GgufType::q4_k);
  EXPECT_EQ(blocks.begin, 64U);
  EXPECT_EQ(blocks.end, 64U + 2 * 144);  // 144 bytes for 256 elements of Q4_K
  EXPECT_EQ(header.data_begin % 32, 0U);
}

struct GgufFault {
  const char* name;
  std::string file, found;
};

class FaultyGguf : public ::testing::TestWithParam<GgufFault> {};

TEST_P(FaultyGguf, IsRefusedByItsName) {
  EXPECT_THAT(gguf_fault(GetParam().file),
              AllOf(HasSubstr("model.gguf: "), HasSubstr(GetParam().found)));
}

const std::string kPair = gguf_text("key") + raw_bytes(kUint32) + raw_bytes<std::uint32_t>(1);

std::vector<GgufFault> gguf_faults() {
  const std::string valid = gguf_file_of({kPair}, {gguf_tensor("a", {8}, 0, 0)}, 32);
  const auto of_tensor = [](const std::string& tensor) { return gguf_file_of({}, {tensor}, 4096); };
  const auto list = [](std::uint32_t kind, std::uint64_t count) {
    return gguf_file_of({gguf_text("key") + raw_bytes(kList) + raw_bytes(kind) + raw_bytes(count)},
                        {}, 0);
  };
  return {
      {"empty", "", "does not begin with GGUF"},
      {"other_magic", "GGML" + valid.substr(4), "does not begin with GGUF"},
      {"version_one", gguf_file_of({}, {}, 0, 1), "is of version 1 of GGUF, expected 2 or 3"},
      {"cut_counts", valid.substr(0, 20), "ends within its header"},
      {"cut_key", gguf_file_of({raw_bytes<std::uint64_t>(1000) + std::string(16, 'k')}, {}, 0),
       "ends within a text of its header"},
      {"too_many_pairs", valid.substr(0, 16) + std::string(8, '\x7f') + valid.substr(24),
       "more than its"},
      {"too_many_tensors", valid.substr(0, 8) + std::string(8, '\x7f') + valid.substr(16),
       "more than its"},
      {"key_twice", gguf_file_of({kPair, kPair}, {}, 0), "has the key 'key' twice"},
      {"nameless", of_tensor(gguf_tensor("", {8}, 0, 0)), "has a name that is not UTF-8"},
      {"name_that_is_not_utf8", of_tensor(gguf_tensor("\xff", {8}, 0, 0)), "that is not UTF-8"},
      {"unknown_value", gguf_file_of({gguf_text("key") + raw_bytes<std::uint32_t>(13)}, {}, 8),
       "has a value of the kind 13 at 'key'"},
      {"list_of_lists", list(kList, 1), "has a value of the kind 9 at 'key'"},
      {"list_beyond_the_file", list(kUint32, std::uint64_t{1} << 60), "more than its"},
      {"tensor_twice",
       gguf_file_of({}, {gguf_tensor("a", {8}, 0, 0), gguf_tensor("a", {8}, 0, 32)}, 64),
       "tensor 'a' is described twice"},
      {"no_axes", of_tensor(gguf_tensor("a", {}, 0, 0)), "tensor 'a' has 0 axes"},
      {"five_axes", of_tensor(gguf_tensor("a", {1, 1, 1, 1, 1}, 0, 0)), "tensor 'a' has 5 axes"},
      {"no_elements", of_tensor(gguf_tensor("a", {0}, 0, 0)), "has an axis of 0 elements"},
      {"elements_beyond_64_bits",
       of_tensor(gguf_tensor("a", {std::uint64_t{1} << 40, std::uint64_t{1} << 40}, 0, 0)),
       "has an axis of 1099511627776 elements"},
      {"known_type", of_tensor(gguf_tensor("a", {256}, 13, 0)),
       "has the type Q5_K; supported: F32, F16, BF16, Q8_0, Q4_K, Q6_K"},
      {"unknown_type", of_tensor(gguf_tensor("a", {256}, 77, 0)), "has the type number 77"},
      {"rows_that_are_not_blocks", of_tensor(gguf_tensor("a", {128, 2}, 14, 0)),
       "has rows of 128 elements, expected a multiple of 256 for Q6_K"},
      {"beyond_the_data", of_tensor(gguf_tensor("a", {1024, 2}, 0, 0)),
       "has 8192 bytes at the offset 0"},
      {"offset_beyond_the_data", of_tensor(gguf_tensor("a", {8}, 0, 4096)), "at the offset 4096"},
      {"unaligned", of_tensor(gguf_tensor("a", {8}, 0, 8)), "expected a multiple of 32"},
      {"overlapping",
       gguf_file_of({}, {gguf_tensor("a", {16}, 0, 0), gguf_tensor("b", {16}, 0, 32)}, 128),
       "has tensors that overlap"},
      {"alignment_of_zero",
       gguf_file_of(
           {gguf_text("general.alignment") + raw_bytes(kUint32) + raw_bytes<std::uint32_t>(0)}, {},
           0),
       "has the general.alignment 0, expected a power of 2"},
  };
}

INSTANTIATE_TEST_SUITE_P(, FaultyGguf, ::testing::ValuesIn(gguf_faults()),
                         [](const auto& item) { return std::string(item.param.name); });

}  // namespace
}  // namespace lensbench
