#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/committed_results.hpp"
#include "report/views/render.hpp"

namespace lensbench::page {

/// A picture of a case. \see RunSource::pictures
struct PagePicture {
  std::string name, sha256;            ///< name and digest of the file that the run read
  std::int64_t width = 0, height = 0;  ///< upright, as rectangles count pixels
  std::string jpeg;                    ///< the picture, perhaps smaller; empty: see `reason`
  std::string reason;                  ///< why the picture cannot be shown
};
/// Reads the pictures of a case, with sides of at most a number of pixels.
using PicturesOfCase =
    std::function<std::vector<PagePicture>(std::int64_t number, std::int64_t most_side)>;

/// What a page is made of: an archive whose digests were verified, or what an interrupted run has
/// saved.
struct RunSource {
  std::string file;        ///< name of the archive or folder, without its path
  std::string incomplete;  ///< a sentence; empty for a complete run
  bool sealed = true;      ///< an archive; false: the folder of a run
  std::string title, experiment, experiment_version;
  std::int64_t format = 0;                       ///< 0 for the folder of a run
  std::map<std::string, std::string> digests{};  ///< `results`, `recipe`, `environment`, `seal`
  nlohmann::json request, environment, run;
  nlohmann::json costs;           ///< as of `describe_costs_json`
  std::vector<double> seconds;    ///< time of each case; empty if the times are not known
  nlohmann::json files, plugins;  ///< lists of objects
  std::vector<CaseRecord> cases;
  std::vector<ReceiptRecord> receipts;
  std::vector<std::string> names;  ///< names of the results
  /// A result whose values are read when they are asked for. Of the folder of a run, it has the
  /// given cases alone.
  std::function<StoredDataset(const std::string& name, const std::vector<std::int64_t>& cases)>
      stored;
  TokenText token;
  PicturesOfCase pictures{};  ///< empty for a source without pictures
};

/// Numbers of the cases that are complete.
std::vector<std::int64_t> complete_cases(const RunSource& source);

/// \throws InputError for damaged content; the archive must outlive the source
RunSource source_of(const ArchiveReader& archive);

/// \param token  text of a token, which only the archive of a sealed run stores
/// \throws InputError for damaged content; the run must outlive the source
RunSource source_of(const CommittedResults& run, const TokenText& token);

/// A dataset in memory in the form of one in a file.
StoredDataset stored_form(const Dataset& dataset);

}  // namespace lensbench::page
