#pragma once

#include <filesystem>
#include <lensbench/model.hpp>
#include <map>
#include <string>

#include "core/files/file_digests.hpp"

namespace lensbench {

/// Digest of several files: SHA-256 of their lines `DIGEST  NAME` as `sha256sum` prints them,
/// sorted by name. \param files  name -> path
std::string digest_of_files(FileDigests& digests,
                            const std::map<std::string, std::filesystem::path>& files);
/// The files of a model and of its tokenizer, by name.
std::map<std::string, std::filesystem::path> files_of(const Model& model);

/// File that a text given to a tool names.
struct NamedFile {
  std::filesystem::path path;  ///< empty if the text does not name one
  std::string name;            ///< name without folders, and `:results/NAME` of an archive
};
NamedFile named_file(const std::string& text);

}  // namespace lensbench
