#pragma once

#include <cstdint>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

/// Windows of a text without end, for trainings: it begins again after its last window.
class EndlessWindows {
 public:
  /// \param corpus   the text
  /// \param sampled  the model samples it (`generated:N`): windows are kept, since they are few and
  ///   sampling them again would take longer than a step
  EndlessWindows(Corpus corpus, bool sampled) : corpus_(std::move(corpus)), sampled_(sampled) {}

  /// The next window; empty for a text without windows.
  std::optional<Tokens> next() {
    std::optional<Tokens> tokens = following();
    if (!tokens) {
      if (!complete_) corpus_.rewind();
      ++epochs;
      of_epoch = 0;
      tokens = following();
    }
    if (!tokens) return std::nullopt;
    ++of_epoch;
    ++read;
    return tokens;
  }

  /// Goes to the place of an earlier training.
  void skip(std::int64_t windows_of_epoch, std::int64_t earlier_epochs, std::int64_t all) {
    if (sampled_ && earlier_epochs > 0)
      while (following()) continue;
    else
      for (std::int64_t i = 0; i < windows_of_epoch; ++i) following();
    of_epoch = windows_of_epoch;
    epochs = earlier_epochs;
    read = all;
  }

  std::int64_t of_epoch = 0;  ///< windows read since the text was begun
  std::int64_t epochs = 0;    ///< times that the text was begun again
  std::int64_t read = 0;      ///< all windows read

 private:
  /// The next window of this epoch; empty after the last.
  std::optional<Tokens> following() {
    if (complete_) {
      if (of_epoch >= std::ssize(kept_)) return std::nullopt;
      return kept_[static_cast<std::size_t>(of_epoch)];
    }
    auto window = corpus_.next();
    if (!window) {
      complete_ = sampled_;
      return std::nullopt;
    }
    if (sampled_) kept_.push_back(window->tokens);
    return std::move(window->tokens);
  }

  Corpus corpus_;
  bool sampled_;
  bool complete_ = false;  ///< whether `kept_` has a whole epoch
  std::vector<Tokens> kept_;
};

}  // namespace lensbench
