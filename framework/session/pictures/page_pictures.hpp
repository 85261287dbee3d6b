#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "report/page/run_source.hpp"

namespace lensbench {

/// A picture of a case of an archive, and the file that the run read it from, or one of the same
/// name in another folder.
struct PicturePlace {
  std::int64_t case_number = 0;
  std::size_t number = 0;  ///< in its case, from 0
  std::string name, sha256;
  std::filesystem::path file;
};

/// Pictures of all cases, in order. \param folder  empty: where the run read them
/// \throws InputError for damaged content
std::vector<PicturePlace> picture_places(const ArchiveReader& archive,
                                         const std::filesystem::path& folder);

/// Reads the places as `picture_places` does, in a confined child process.
std::vector<PicturePlace> read_picture_places(const std::filesystem::path& archive,
                                              const std::filesystem::path& folder);

/// The files that exist.
std::vector<std::filesystem::path> files_of(const std::vector<PicturePlace>& places);

/// Reads the pictures of a case for a page, from the archive where it holds them, else from their
/// files. A file that has changed since the run, is missing or cannot be decoded gives a picture
/// with the reason.
/// \param archive  that the places are of; it must outlive the result
page::PicturesOfCase pictures_for_page(std::vector<PicturePlace> places,
                                       const ArchiveReader& archive);

}  // namespace lensbench
