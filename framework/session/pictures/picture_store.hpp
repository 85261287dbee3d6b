#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <lensbench/tokens.hpp>
#include <map>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "session/pictures/picture_reading.hpp"

namespace lensbench {

/// A picture file that was read, without its pixels.
struct PictureFile {
  std::string path;  ///< as given
  PictureRecord record;
  vision::PatchGrid grid;
  vision::PictureSize upright;
};

/// \throws InputError if a file has another digest than when it was added
void require_unchanged(const PictureFile& picture, const std::string& sha256);

/// The picture files of a run. Each is read when it is added; its rows are kept as long as there is
/// room, and else read again.
class PictureStore {
 public:
  /// \param most_bytes  most bytes of rows that are kept; the latest rows are always kept
  explicit PictureStore(PictureReading reading, std::int64_t most_bytes = std::int64_t{1} << 29);

  /// Reads a file; a path that was added before is not read again. \return its number
  /// \throws InputError for a file that is not a picture that can be read
  std::size_t add(const std::string& path);

  const std::vector<PictureFile>& files() const { return files_; }
  const PictureReading& reading() const { return reading_; }
  /// What the tower reads of a picture.
  /// \throws InputError if the file has changed since it was added
  PictureRows rows(std::size_t number) const;

 private:
  struct Kept {
    std::size_t number;
    at::Tensor rows;
  };
  const at::Tensor& keep(std::size_t number, at::Tensor rows) const;

  PictureReading reading_;
  std::int64_t most_bytes_;
  std::vector<PictureFile> files_;
  std::map<std::string, std::size_t> numbers_;
  mutable std::vector<Kept> kept_;  ///< the latest one last
};

}  // namespace lensbench
