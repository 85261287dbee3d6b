#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <vector>

/// Statistics of many rows that are given a few at a time and are not kept, in float64.
///
/// Each class takes rows with `add`. The result depends on the rows and their order only: in the
/// same environment it is equal in every bit however the rows are split over calls. `merge` adds
/// the rows of another object, for parts that are computed apart; it is equal up to rounding.
///
/// Every class throws UsageError for rows that are not a matrix [row, width] of its width, for
/// values that are not finite, and for merging an object of another width or other settings.
namespace lensbench::statistics {

/// Mean, variance and fourth moment of each column (Pébay, "Formulas for robust, one-pass parallel
/// computation of covariances and arbitrary-order statistical moments", Sandia report
/// SAND2008-6212, 2008).
class LENSBENCH_API StreamingMoments {
 public:
  /// \param width  number of columns, at least 1
  explicit StreamingMoments(std::int64_t width);

  void add(const at::Tensor& rows);           ///< adds rows [row, width]
  void merge(const StreamingMoments& other);  ///< adds the rows of `other`

  std::int64_t count() const { return count_; }  ///< number of rows
  at::Tensor mean() const;                       ///< [width]; NaN without rows
  /// [width] sum of squared deviations divided by count - 1; NaN for fewer than two rows.
  at::Tensor variance() const;
  at::Tensor root_mean_square() const;  ///< [width] sqrt of the mean square; NaN without rows
  /// [width] fourth central moment over the squared second one, minus 3; NaN where all rows are
  /// equal.
  at::Tensor excess_kurtosis() const;

 private:
  std::int64_t count_ = 0;
  std::vector<double> mean_, second_, third_, fourth_;  ///< sums of powers of deviations
};

/// Covariance of all pairs of columns. Holds one matrix [width, width] and 64 rows.
class LENSBENCH_API StreamingCovariance {
 public:
  /// \param width  number of columns, at least 1
  explicit StreamingCovariance(std::int64_t width);
  ~StreamingCovariance();
  /// Copies the sums.
  StreamingCovariance(const StreamingCovariance& other);
  /// Copies the sums.
  StreamingCovariance& operator=(const StreamingCovariance& other);
  StreamingCovariance(StreamingCovariance&&) noexcept;             ///< moves the sums
  StreamingCovariance& operator=(StreamingCovariance&&) noexcept;  ///< moves the sums

  void add(const at::Tensor& rows);              ///< adds rows [row, width]
  void merge(const StreamingCovariance& other);  ///< adds the rows of `other`

  std::int64_t count() const { return count_ + pending_count_; }  ///< number of rows
  at::Tensor mean() const;                                        ///< [width]; NaN without rows
  /// [width, width], sums of products of deviations divided by count - 1; symmetric in every bit.
  /// NaN for fewer than two rows.
  at::Tensor covariance() const;

 private:
  void flush();

  std::int64_t count_ = 0, pending_count_ = 0;
  at::Tensor mean_, scatter_;  ///< [width], [width, width] of the rows that are not pending
  at::Tensor pending_;         ///< [64, width]
};

/// One of the largest values of a column.
struct TopEntry {
  double value = 0;        ///< the value
  std::int64_t index = 0;  ///< number of the row
  std::int64_t group = 0;  ///< group of the row, such as its document
};

/// The k largest values of each column, with the rows that they are from. Of equal values the one
/// with the smaller index is first.
class LENSBENCH_API StreamingTop {
 public:
  /// \param width     number of columns, at least 1
  /// \param k         number of values to keep, at least 1
  /// \param distinct  keep at most one value of each group
  StreamingTop(std::int64_t width, std::int64_t k, bool distinct = false);

  /// Adds rows [row, width], numbered from the number of rows before.
  /// \param rows    the values
  /// \param groups  group of each row; empty: all 0
  void add(const at::Tensor& rows, const std::vector<std::int64_t>& groups = {});
  void merge(const StreamingTop& other);  ///< adds the entries of `other`, indices as they are

  std::int64_t count() const { return count_; }  ///< number of rows
  /// The largest values of a column, the largest first; fewer than k without enough rows.
  /// \throws UsageError for a column outside the width
  const std::vector<TopEntry>& of(std::int64_t column) const;

 private:
  void offer(std::vector<TopEntry>& entries, const TopEntry& entry) const;

  std::int64_t k_, count_ = 0;
  bool distinct_;
  std::vector<std::vector<TopEntry>> columns_;
};

/// Numbers of values of each column in bins of equal width: bin i has the values from
/// low + i (high - low) / bins up to the next edge, the last bin also `high` itself.
class LENSBENCH_API StreamingHistogram {
 public:
  /// \param width  number of columns, at least 1
  /// \param low    lower edge of the first bin
  /// \param high   upper edge of the last bin, above `low`
  /// \param bins   number of bins, at least 1
  StreamingHistogram(std::int64_t width, double low, double high, std::int64_t bins);

  void add(const at::Tensor& rows);             ///< adds rows [row, width]
  void merge(const StreamingHistogram& other);  ///< adds the rows of `other`

  std::int64_t count() const { return count_; }  ///< number of rows
  at::Tensor counts() const;                     ///< [width, bins] int64
  at::Tensor below() const;                      ///< [width] int64, values below `low`
  at::Tensor above() const;                      ///< [width] int64, values above `high`
  at::Tensor edges() const;                      ///< [bins + 1]

 private:
  double low_, high_;
  std::int64_t bins_, count_ = 0;
  std::vector<std::int64_t> counts_, below_, above_;
};

}  // namespace lensbench::statistics
