#include "vision/orientation/orientation.hpp"

#include <cstddef>
#include <cstdint>

namespace lensbench::vision {
namespace {

constexpr std::string_view kMark("Exif\0\0", 6);
constexpr unsigned kOrientationTag = 0x0112;
constexpr std::size_t kEntrySize = 12;
constexpr int kFirst = 1, kLast = 8;

// Numbers of the types in TIFF.
enum class EntryType : unsigned {
  byte = 1,
  word = 3,
  long_word = 4,
  signed_byte = 6,
  signed_word = 8,
  signed_long = 9
};

/// A TIFF structure, whose numbers are in either byte order.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes)
      : bytes_(bytes), big_(bytes.starts_with(std::string_view("MM\0*", 4))) {}

  bool is_tiff() const { return big_ || bytes_.starts_with(std::string_view("II*\0", 4)); }
  bool has(std::size_t at, std::size_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }
  /// Number of `count` bytes, which `has`.
  std::uint32_t number(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto byte = static_cast<unsigned char>(bytes_[at + (big_ ? i : count - 1 - i)]);
      value = (value << 8U) | byte;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_;
};

/// Value of an entry that has one whole number; 0 for others.
int value_of(const Tiff& tiff, std::size_t entry) {
  const auto type = static_cast<EntryType>(tiff.number(entry + 2, 2));
  if (tiff.number(entry + 4, 4) != 1) return 0;
  const auto value = [&](std::size_t size) {
    const std::uint32_t number = tiff.number(entry + 8, size);
    return number <= kLast ? static_cast<int>(number) : 0;
  };
  switch (type) {
    case EntryType::byte:
    case EntryType::signed_byte:
      return value(1);
    case EntryType::word:
    case EntryType::signed_word:
      return value(2);
    case EntryType::long_word:
    case EntryType::signed_long:
      return value(4);
  }
  return 0;
}

}  // namespace

std::optional<int> exif_orientation(std::string_view exif) {
  while (exif.starts_with(kMark)) exif.remove_prefix(kMark.size());
  const Tiff tiff(exif);
  if (!tiff.is_tiff() || !tiff.has(4, 4)) return {};
  const std::size_t directory = tiff.number(4, 4);
  if (!tiff.has(directory, 2)) return {};
  const std::size_t count = tiff.number(directory, 2);
  std::optional<int> orientation;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + i * kEntrySize;
    if (!tiff.has(entry, kEntrySize)) break;
    if (tiff.number(entry, 2) == kOrientationTag) orientation = value_of(tiff, entry);
  }
  return orientation;
}

std::optional<int> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at)) {
    at += kName.size();
    std::string_view rest = xmp.substr(at);
    if (rest.starts_with("=\""))
      rest.remove_prefix(2);
    else if (rest.starts_with(">"))
      rest.remove_prefix(1);
    else
      continue;
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return {};
}

int orientation_of(std::string_view exif, std::string_view xmp) {
  auto orientation = exif_orientation(exif);
  if (!orientation) orientation = xmp_orientation(xmp);
  return orientation && *orientation >= kFirst && *orientation <= kLast ? *orientation : kFirst;
}

}  // namespace lensbench::vision
