#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/files/checksum.hpp"
#include "core/files/file_descriptor.hpp"

namespace lensbench {

/// Head of a frame, which a unit follows in a pack. A frame is at a multiple of 8 bytes; the bytes
/// between the end of a unit and the next frame are 0.
struct FrameHead {
  std::uint64_t bytes = 0;  ///< bytes of the unit
  std::int64_t index = 0;   ///< number of the case
  std::int64_t pass = 0;
  std::string key;    ///< SHA-256 of everything on which the unit depends, as 64 digits
  Checksum checksum;  ///< checksum of the unit
};

inline constexpr std::size_t kFrameHeadBytes = 96;

/// Bytes of a head, the last of which are a checksum of the others.
std::array<std::byte, kFrameHeadBytes> to_bytes(const FrameHead& head);
/// Inverse of `to_bytes`; empty for bytes that are not a head.
std::optional<FrameHead> frame_head(std::span<const std::byte> bytes);

/// Number of bytes between the end of a unit and the next frame.
constexpr std::size_t frame_padding(std::uint64_t unit_bytes) {
  return static_cast<std::size_t>((8 - unit_bytes % 8) % 8);
}
/// Bytes of a whole frame with those up to the next one.
constexpr std::uint64_t frame_bytes(std::uint64_t unit_bytes) {
  return kFrameHeadBytes + unit_bytes + frame_padding(unit_bytes);
}

/// Opens a file for reading. \throws InputError
FileDescriptor open_for_reading(const std::filesystem::path& file);

/// Bytes in memory.
struct Bytes {
  std::span<std::byte> bytes;
  std::shared_ptr<const void> owner;
};
/// Reads a part of a file. \throws InputError if the file is shorter; RunError without the memory
Bytes read_bytes(const FileDescriptor& file, std::uint64_t offset, std::uint64_t bytes,
                 const std::filesystem::path& path);

/// Content of a file of frames.
struct FrameScan {
  std::uint64_t size = 0;   ///< bytes of the file
  std::uint64_t end = 0;    ///< end of the last whole frame
  std::size_t damaged = 0;  ///< frames with a whole head, but other bytes than were written
};

/// Receives a whole frame, and the offset and bytes of its unit.
using UseFrame = std::function<void(const FrameHead&, std::uint64_t offset, const Bytes& unit)>;

/// Decides by the head of a frame whether its unit is read.
using WantFrame = std::function<bool(const FrameHead&)>;

/// Reads a file of frames and calls `use` for each frame that is whole: its head has its checksum,
/// the file has all of its bytes, and these have theirs. After bytes that are not a head, it looks
/// for the next head.
/// \param want  frames whose units are read; empty: all. The others do not count.
/// \throws InputError if the file cannot be read
FrameScan scan_frames(const std::filesystem::path& file, const UseFrame& use,
                      const WantFrame& want = {});

/// Calls `use` with the heads of the frames of which the file has all bytes, without reading their
/// units. \throws InputError
void scan_heads(const std::filesystem::path& file,
                const std::function<void(const FrameHead&)>& use);

}  // namespace lensbench
