#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "report/page/block.hpp"
#include "report/page/page_result.hpp"

namespace lensbench::page {

/// One archive of a page with the cases whose data the page has.
struct PageRun {
  const RunSource* source = nullptr;
  std::vector<std::int64_t> chosen;  ///< ascending
  std::vector<std::unique_ptr<PageResult>> results;
};

/// Values of one part in the form that the page has.
struct FilledPart {
  std::vector<std::int64_t> shape;
  Block block;
  std::vector<std::int64_t> ids;  ///< token ids that occur, ascending
  bool negative = false, positive = false;
};

/// Place of a part: run, result, variable, part.
struct PartPlace {
  std::size_t run = 0, result = 0, variable = 0, part = 0;
  bool operator<(const PartPlace& other) const {
    return std::tie(run, result, variable, part) <
           std::tie(other.run, other.result, other.variable, other.part);
  }
};

/// The parts that were encoded for a page. A page is filled in several attempts, most of which use
/// the same parts; reading and compressing them takes nearly all of the time.
class EncodedParts {
 public:
  /// \param most_ranks  the largest number of ranks that will be asked for
  explicit EncodedParts(std::int64_t most_ranks, Form form = Form::packed)
      : most_ranks_(most_ranks), form_(form) {}

  /// \param ranks  number of ranks that the page shows of the part
  /// \param room   number of bytes that the page has left
  /// \return nothing for a part that needs clearly more bytes, by a sample of its values; another
  ///   one may need more as well
  /// \throws InputError for damaged content
  const FilledPart* part(const std::vector<PageRun>& runs, const PartPlace& at, std::int64_t ranks,
                         Precision precision, std::size_t room);

 private:
  using Key = std::tuple<PartPlace, std::int64_t, Precision>;

  /// Rows of an axis of a part, from its middle.
  struct Sample {
    std::size_t axis;
    std::int64_t rows;
  };

  /// The rows of a sample, further axes whole.
  at::Tensor sample_of(const PageVariable& variable, const PagePart& part, Sample sample);
  /// Bytes that a part needs at least, by a sample.
  std::size_t least_bytes(const Key& key, const PageVariable& variable, const PagePart& part);
  /// Values of a part with all ranks that will be asked for.
  at::Tensor values_of(const PageVariable& variable, const PagePart& part);

  std::int64_t most_ranks_;
  Form form_;
  std::map<Key, FilledPart> parts_;
  std::map<Key, std::size_t> least_bytes_;
};

/// Index of a dimension of ranks; empty if the variable does not have one.
std::optional<std::size_t> rank_axis(const PageVariable& variable);

}  // namespace lensbench::page
