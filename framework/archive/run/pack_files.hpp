#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/run/frame.hpp"
#include "archive/run/unit.hpp"

// The files of the units of a run: their names, how they are written and given their names.

namespace lensbench {

/// Files of frames of a run, packs before parts, each in the order of their names.
std::vector<std::filesystem::path> pack_files(const std::filesystem::path& run);
std::vector<std::filesystem::path> part_files(const std::filesystem::path& run);

/// All files of frames, packs before parts. A part that is a pack too is left out: processes that
/// share a run keep the first name of a file, since others may be reading it by that name.
std::vector<std::filesystem::path> frame_files(const std::filesystem::path& run);

/// Number of a pack from its name; 0 for a name without digits.
std::uint64_t pack_number(const std::filesystem::path& file);
/// At least six digits, as in the names of packs and parts.
std::string six_digits(std::uint64_t number);
/// Host, part of the run and random digits: unique among processes of many machines.
/// \param part  number of the shard or rank
std::string new_writer_name(const std::string& part = "0");

/// \throws RunError with the file, what failed, and the system's text for `error`
[[noreturn]] void throw_file_error(const std::filesystem::path& file, const std::string& what,
                                   int error);
/// Writes a frame at an offset of a file: a small one with one call. One that failed is overwritten
/// by the next one there.
/// \param unit  parts of the unit of the frame
/// \param name  name of the file, for the error
/// \throws RunError
void write_frame(const FileDescriptor& file, std::uint64_t offset, const FrameHead& head,
                 const std::vector<std::span<const std::byte>>& unit,
                 const std::filesystem::path& name);
/// \throws RunError
void remove_file(const std::filesystem::path& file);
/// Gives a file that is complete and synced its name, without replacing another. A kill between the
/// two steps leaves two names of one file. \throws RunError
void publish_pack(const std::filesystem::path& part, const std::filesystem::path& pack);
/// Whether two names are those of one file, which a kill during `publish_pack` leaves.
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

/// Identity of a file, whatever its names, and its size.
struct FileIdentity {
  std::uint64_t device = 0, number = 0, bytes = 0;
};
/// Empty if there is no such file.
std::optional<FileIdentity> identity_of(const std::filesystem::path& file);

/// File and case of a unit, for errors.
std::string unit_subject(const std::filesystem::path& file, const FrameHead& head);

/// Number of units of a run, by the heads of their frames alone. \throws InputError
std::size_t count_units(const std::filesystem::path& run);

/// Reads the only unit of a file of one frame. \throws InputError
std::shared_ptr<const Unit> read_single_unit(const std::filesystem::path& file,
                                             const std::string& key);

}  // namespace lensbench
