#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lensbench {

/// What the processes that a launcher started say to each other. All of them call `all` and
/// `of_first` equally often and in the same order.
class RankLink {
 public:
  virtual ~RankLink();
  virtual std::int64_t rank() const = 0;  ///< number of this process, from 0
  virtual std::int64_t size() const = 0;  ///< number of processes
  bool is_first() const { return rank() == 0; }

  /// Gives the next cases; empty: there are no more.
  using Next = std::function<std::vector<std::int64_t>()>;
  /// In rank 0, in a thread of its own: answers the others until each of them has got an empty
  /// block or has left.
  virtual void serve(const Next& next) = 0;
  /// In other ranks: asks for the next cases.
  virtual std::vector<std::int64_t> ask() = 0;
  /// In other ranks: says that this one will not ask again.
  virtual void leave() = 0;

  /// Waits for all ranks. \return whether each of them gave true
  virtual bool all(bool value) = 0;
  /// \return the value that rank 0 gave
  virtual bool of_first(bool value) = 0;
  /// Ends all processes at once.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

}  // namespace lensbench
