#pragma once

#include <cstdint>
#include <lensbench/costs.hpp>
#include <lensbench/export.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

class Model;

/// Where time and memory of a model's forwards go. May be filled from several threads.
class LENSBENCH_API Profile {
 public:
  /// Adds to what is known of this block and component; of peaks the larger one stays.
  void add(const ProfileEntry& entry);
  /// All entries, by block and component; there are none afterwards.
  std::vector<ProfileEntry> take();

 private:
  std::mutex mutex_;
  std::map<std::pair<std::int64_t, std::string>, ProfileEntry> entries_;
};

/// Measures what runs while it lives, for a profile; does nothing without one. Tensor memory is
/// counted as libtorch allocates it for this thread.
class LENSBENCH_API ProfileScope {
 public:
  /// Begins to measure. \param profile  may be nullptr \param block  -1: outside the blocks
  /// \param component  its name
  ProfileScope(Profile* profile, std::int64_t block, const char* component) {
    if (profile != nullptr) begin(*profile, block, component);
  }
  /// Adds what was measured to the profile.
  ~ProfileScope() {
    if (active_) end();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

  /// Whether there is a profile.
  bool active() const { return active_ != nullptr; }
  /// Parameters that are read meanwhile.
  void reads(std::int64_t weight_bytes);

 private:
  struct Active;
  void begin(Profile& profile, std::int64_t block, const char* component);
  void end() noexcept;
  std::shared_ptr<Active> active_;
};

/// The same model, whose forwards fill `profile`. What it computes is the same in every bit.
/// \throws UsageError for a model with interventions; profile it before they are put on it
LENSBENCH_API std::shared_ptr<const Model> with_profile(const std::shared_ptr<const Model>& model,
                                                        std::shared_ptr<Profile> profile);

/// What forwards of this model fill; nullptr unless it came of `with_profile`.
LENSBENCH_API Profile* profile_of(const Model& model);

}  // namespace lensbench
