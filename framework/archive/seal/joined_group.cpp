#include "archive/seal/joined_group.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "archive/hdf5/group_writer.hpp"

// Writing of joined results. The values of a run may be larger than memory, and they are in units
// by case while HDF5 stores them by variable: parts are read one after the other, and their pieces
// are collected until they fill whole chunks of the variable that they belong to.

namespace lensbench {
namespace {

using Source = JoinedVariable::Source;

/// Total size of the values of one round that are kept until their chunks are complete.
constexpr std::int64_t kBufferBytes = 16 << 20;
// Number of parts after which the pages of the file are released.
constexpr std::size_t kPartsBetweenRelief = 64;
/// Number of pieces that are joined at once: a small tensor takes several times the memory of its
/// values.
constexpr std::size_t kPiecesOfABlock = 64;
/// Approximate size of a token's text with its pointer.
constexpr std::int64_t kTextBytes = 64;
// Texts are not in chunks; this many are handed to libhdf5 at once.
constexpr std::int64_t kTextRows = 8192;

/// Collects the pieces of one variable and writes whole chunks: HDF5 would read, decompress and
/// compress a chunk again for each piece written to it.
class Appender {
 public:
  /// The number of rows of a chunk decides how many rows must wait; the size of a row is only
  /// needed to limit the memory of a round.
  Appender(GroupWriter& writer, const JoinedVariable& joined) : writer_(writer), joined_(joined) {
    const auto bytes =
        joined.is_text ? kTextBytes : static_cast<std::int64_t>(c10::elementSize(joined.type));
    if (joined.is_text)
      rows_ = kTextRows;
    else if (!joined.shape.empty())
      rows_ = std::max<std::int64_t>(1, chunk_rows(joined.shape, joined.axis, bytes));
    row_bytes_ = bytes;
    for (std::size_t axis = 0; axis < joined.shape.size(); ++axis)
      if (static_cast<std::int64_t>(axis) != joined.axis) row_bytes_ *= joined.shape[axis];
  }

  std::int64_t buffer_bytes() const { return rows_ * row_bytes_; }

  /// Takes over a piece, which must continue where the last one ended.
  void append(Variable piece) {
    if (piece.is_text()) {
      waiting_rows_ += static_cast<std::int64_t>(piece.strings.size());
      std::move(piece.strings.begin(), piece.strings.end(), std::back_inserter(texts_));
    } else {
      waiting_rows_ += piece.tensor.size(joined_.axis);
      pieces_.push_back(std::move(piece.tensor));
      if (pieces_.size() == kPiecesOfABlock) join_pieces();
    }
    // Only whole chunks are written; the rows of a chunk that has begun wait for the next piece.
    if (waiting_rows_ >= rows_) write(waiting_rows_ - waiting_rows_ % rows_);
  }

  /// Writes the last, incomplete chunk. Must be called once, after all pieces.
  void finish() {
    if (waiting_rows_ > 0) write(waiting_rows_);
    writer_.close(joined_.variable.name);
  }

 private:
  void join_pieces() {
    if (pieces_.empty()) return;
    blocks_.push_back(pieces_.size() == 1 ? pieces_.front() : at::cat(pieces_, joined_.axis));
    pieces_.clear();
  }

  void write(std::int64_t rows) {
    Variable block = joined_.variable;
    if (joined_.is_text) {
      const auto end = texts_.begin() + rows;
      block.strings.assign(std::make_move_iterator(texts_.begin()), std::make_move_iterator(end));
      texts_.erase(texts_.begin(), end);
    } else {
      join_pieces();
      const at::Tensor whole =
          blocks_.size() == 1 ? blocks_.front() : at::cat(blocks_, joined_.axis);
      block.tensor = whole.narrow(joined_.axis, 0, rows);
      // The rest is copied, so that it does not keep the memory of the written values alive.
      blocks_ = {whole.narrow(joined_.axis, rows, waiting_rows_ - rows).clone()};
    }
    writer_.write(block, joined_.axis, written_);
    written_ += rows;
    waiting_rows_ -= rows;
  }

  GroupWriter& writer_;
  const JoinedVariable& joined_;
  std::vector<at::Tensor> pieces_, blocks_;  ///< blocks before pieces
  std::vector<std::string> texts_;
  std::int64_t rows_ = 1, row_bytes_ = 1, waiting_rows_ = 0, written_ = 0;
};

/// One group of results, from the join of its parts. Values are read twice or more: once to find
/// their shapes (`CaseJoin::scan`) and once in each round.
class JoinedWriter {
 public:
  JoinedWriter(hid_t group, const CaseJoin& join, std::size_t n_parts, const ReadPart& read,
               const std::function<void()>& relieve)
      : writer_(group), join_(join), n_parts_(n_parts), read_(read), relieve_(relieve) {}

  /// Variables that all parts have are created before any value is written, and come first in the
  /// order of creation, which readers keep.
  void write() {
    create_common();
    std::vector<std::size_t> streamed, apart;
    for (std::size_t i = 0; i < variables().size(); ++i) {
      if (variables()[i].source == Source::pieces) streamed.push_back(i);
      if (variables()[i].source == Source::apart) apart.push_back(i);
    }
    for (auto next = streamed.cbegin(); next != streamed.cend();)
      next = write_round(next, streamed);
    // Variables that each case has for itself come last, since their number grows with the cases.
    if (!apart.empty()) write_apart();
    writer_.finish(join_.attributes());
    writer_.describe_plot();
  }

 private:
  using Indices = std::vector<std::size_t>;
  const std::vector<JoinedVariable>& variables() const { return join_.variables(); }

  /// Creates the variables that belong to all cases, and writes those whose values are known.
  void create_common() {
    // All of them are known before the first is created, since labels are found among them.
    for (const JoinedVariable& joined : variables())
      if (joined.source != Source::apart) common_.push_back(joined.variable);
    for (const JoinedVariable& joined : variables())
      if (joined.source != Source::apart)
        writer_.create(joined.variable, joined.is_text, joined.type, joined.shape, common_);
    writer_.attach_scales();
    for (const JoinedVariable& joined : variables()) {
      if (joined.source != Source::known) continue;
      writer_.write(joined.variable, 0, 0);
      writer_.close(joined.variable.name);
    }
  }

  /// Writes as many variables, beginning with `first`, as have buffers that fit into memory
  /// together. \return the first variable of the next round
  Indices::const_iterator write_round(Indices::const_iterator first, const Indices& streamed) {
    std::map<std::size_t, Appender> appenders;
    std::int64_t bytes = 0;
    auto next = first;
    for (; next != streamed.end(); ++next) {
      Appender appender(writer_, variables()[*next]);
      bytes += appender.buffer_bytes();
      // A round has at least one variable, however large its buffer is.
      if (bytes > kBufferBytes && next != first) break;
      appenders.emplace(*next, std::move(appender));
    }
    // Pieces of variables of other rounds are dropped.
    for_each_part([&](std::size_t p, const Dataset& part) {
      join_.pieces(p, part, [&](std::size_t i, Variable piece) {
        const auto appender = appenders.find(i);
        if (appender != appenders.end()) appender->second.append(std::move(piece));
      });
    });
    for (auto& [i, appender] : appenders) appender.finish();
    return next;
  }

  /// Writes the variables that each part keeps for itself, part by part. Each is closed at once:
  /// open datasets would fill memory with the number of cases.
  void write_apart() {
    // Labels may be common variables or other variables of the same part.
    for_each_part([&](std::size_t p, const Dataset& part) {
      std::vector<Variable> own, labels = common_;
      join_.pieces(p, part, [&](std::size_t i, Variable piece) {
        if (variables()[i].source != Source::apart) return;
        labels.push_back(piece);
        own.push_back(std::move(piece));
      });
      for (const Variable& variable : own) {
        const auto type = variable.is_text() ? at::kByte : variable.tensor.scalar_type();
        writer_.create(variable, variable.is_text(), type, variable.shape(), labels);
      }
      writer_.attach_scales();
      for (const Variable& variable : own) {
        writer_.write(variable, 0, 0);
        writer_.close(variable.name);
      }
    });
  }

  /// Reads the parts in order and releases the written pages from time to time.
  template <class Use>
  void for_each_part(Use&& use) {
    for (std::size_t p = 0; p < n_parts_; ++p) {
      use(p, read_(p));
      if ((p + 1) % kPartsBetweenRelief == 0 || p + 1 == n_parts_) relieve_();
    }
  }

  GroupWriter writer_;
  const CaseJoin& join_;
  std::size_t n_parts_;
  const ReadPart& read_;
  const std::function<void()>& relieve_;
  std::vector<Variable> common_;
};

}  // namespace

void write_joined(hid_t group, const CaseJoin& join, std::size_t n_parts, const ReadPart& read,
                  const std::function<void()>& relieve) {
  JoinedWriter(group, join, n_parts, read, relieve).write();
}

}  // namespace lensbench
