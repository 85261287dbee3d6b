#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "report/page/encoded_parts.hpp"

namespace lensbench::page {

/// A picture of a case in the form that the page has.
struct CasePicture {
  std::string name, sha256;
  std::int64_t width = 0, height = 0;  ///< size of the upright picture in the file
  Block source;                        ///< `data:image/jpeg;base64,…`
  std::string reason;                  ///< why it is not there; empty if it is
};
/// Number of a case -> its pictures.
using CasePictures = std::map<std::int64_t, std::vector<CasePicture>>;

/// Pictures of the chosen cases, if a variable is drawn over them: with sides of at most 1,024
/// pixels, or fewer where all of them need more than `bytes`. Those that do not fit even then have
/// the reason.
CasePictures case_pictures(const PageRun& run, std::size_t bytes);

}  // namespace lensbench::page
