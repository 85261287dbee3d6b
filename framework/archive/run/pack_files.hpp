#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
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

/// Number of a pack from its name; 0 for a name without digits.
std::uint64_t pack_number(const std::filesystem::path& file);
/// At least six digits, as in the names of packs and parts.
std::string six_digits(std::uint64_t number);
/// Host, rank and random digits: unique among processes of many machines.
std::string new_writer_name();

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

/// File and case of a unit, for errors.
std::string unit_subject(const std::filesystem::path& file, const FrameHead& head);

/// Number of units of a run, by the heads of their frames alone. \throws InputError
std::size_t count_units(const std::filesystem::path& run);

/// Reads the only unit of a file of one frame. \throws InputError
std::shared_ptr<const Unit> read_single_unit(const std::filesystem::path& file,
                                             const std::string& key);

}  // namespace lensbench
