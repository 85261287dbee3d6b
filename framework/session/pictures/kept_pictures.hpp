#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "session/pictures/picture_store.hpp"
#include "session/recorded_run.hpp"

// Pictures in the archive itself, for runs that ask for it (`--keep-images`): pages and replays
// then need no other file. Without it the archive has their names, sizes and digests alone.

namespace lensbench {

/// Result `picture_files` of a case: `file_bytes`, its picture files one after the other, and
/// `file_size` of each.
/// \throws InputError for a file that has changed since the run began
Dataset picture_files_of(const std::vector<const PictureFile*>& pictures);

/// Bytes of a picture file that an archive holds; empty if it does not hold them.
/// \param case_number  number of the case
/// \param picture      number of the picture in its case, from 0
/// \throws InputError for damaged content
std::string kept_picture(const ArchiveReader& archive, std::int64_t case_number,
                         std::size_t picture);

/// Writes the pictures that an archive holds into a folder, and changes the recorded places of
/// these to it. Each is read in a confined child process.
void place_kept_pictures(RecordedRun& recorded, const std::filesystem::path& folder);

}  // namespace lensbench
