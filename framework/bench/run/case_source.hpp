#pragma once

#include <cstdint>
#include <vector>

namespace lensbench {

/// Groups of cases whose forwards run together, in the order in which they run.
using CaseGroups = std::vector<std::vector<std::int64_t>>;

/// Decides which cases of a run this process computes, and when a pass over all cases is over. The
/// loop over cases asks it and does not know how many processes work on the run.
class CaseSource {
 public:
  virtual ~CaseSource();
  /// Called once, before the first pass. \param groups  all cases of the run, each in one group
  virtual void begin(const CaseGroups& groups) = 0;
  /// Groups that this process runs next; empty: it has no more in this pass. Cases that are
  /// complete may be among them, and do not run again.
  virtual CaseGroups next(std::int64_t pass) = 0;
  /// Called when this process has no more groups of a pass.
  /// \return whether the next pass, or after the last one the summary, may begin here
  virtual bool ends(std::int64_t pass) = 0;
  /// Whether this process computes the summary over all cases.
  virtual bool sums_up() const = 0;
  /// Whether other processes compute cases of the run too, whose results the sink finds.
  virtual bool is_shared() const = 0;
};

/// Source of a process that runs all cases alone.
class AllCases final : public CaseSource {
 public:
  void begin(const CaseGroups& groups) override { groups_ = groups; }
  CaseGroups next(std::int64_t pass) override;
  bool ends(std::int64_t) override { return true; }
  bool sums_up() const override { return true; }
  bool is_shared() const override { return false; }

 private:
  CaseGroups groups_;
  std::int64_t given_ = -1;  ///< pass whose groups were given
};

}  // namespace lensbench
