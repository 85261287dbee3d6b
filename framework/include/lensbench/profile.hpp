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

/// Time and memory of a model's forwards by block and component. Several threads may fill it.
class LENSBENCH_API Profile {
 public:
  /// Adds an entry to the totals of its block and component; for peak memory keeps the maximum.
  void add(const ProfileEntry& entry);
  /// Returns all entries, ordered by block and component, and clears the profile.
  std::vector<ProfileEntry> take();

 private:
  std::mutex mutex_;
  std::map<std::pair<std::int64_t, std::string>, ProfileEntry> entries_;
};

/// Measures the code that runs during its lifetime and adds the result to a profile; without a
/// profile it does nothing. Tensor memory is what libtorch allocates on this thread.
class LENSBENCH_API ProfileScope {
 public:
  /// Starts the measurement.
  /// \param profile    profile to add to; may be nullptr
  /// \param block      block index; -1: outside the blocks
  /// \param component  name of the component
  ProfileScope(Profile* profile, std::int64_t block, const char* component) {
    if (profile != nullptr) begin(*profile, block, component);
  }
  /// Adds the measurement to the profile.
  ~ProfileScope() {
    if (active_) end();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

  /// True if there is a profile.
  bool active() const { return active_ != nullptr; }
  /// Counts weight bytes that the measured code reads.
  void reads(std::int64_t weight_bytes);

 private:
  struct Active;
  void begin(Profile& profile, std::int64_t block, const char* component);
  void end() noexcept;
  std::shared_ptr<Active> active_;
};

/// A model that computes the same in every bit and adds the costs of its forwards to `profile`.
/// \throws UsageError for a model with interventions; call `with_profile` before
/// `with_interventions`
LENSBENCH_API std::shared_ptr<const Model> with_profile(const std::shared_ptr<const Model>& model,
                                                        std::shared_ptr<Profile> profile);

/// Profile of this model's forwards; nullptr if the model was not created by `with_profile`.
LENSBENCH_API Profile* profile_of(const Model& model);

}  // namespace lensbench
