#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <lensbench/error.hpp>
#include <lensbench/profile.hpp>

#include "model/runtime/profiled.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench {
namespace {

using Clock = std::chrono::steady_clock;
/// The slot of the thread in which libtorch looks for a receiver of allocation reports; a function,
/// since it is a constant of the library in recent versions.
c10::DebugInfoKind profiler_slot() {
  return c10::DebugInfoKind::PROFILER_STATE;
}

template <typename Total>
Total total_of(void (c10::MemoryReportingInfoBase::*)(void*, std::int64_t, Total, Total,
                                                      c10::Device));
/// Type in which libtorch reports totals: std::int64_t before version 2, std::size_t since then.
using Total = decltype(total_of(&c10::MemoryReportingInfoBase::reportMemoryUsage));

}  // namespace

/// Receiver of libtorch's allocation reports for one scope. libtorch reports each allocation to the
/// innermost scope of the thread, which passes it on to the enclosing scopes. Threads that libtorch
/// starts inherit the scope.
struct ProfileScope::Active final : c10::MemoryReportingInfoBase {
  Active(Profile& to, std::int64_t block, const char* component)
      : profile(to),
        around(dynamic_cast<Active*>(c10::ThreadLocalDebugInfo::get(profiler_slot()))),
        start(Clock::now()) {
    entry.block = block;
    entry.component = component;
    entry.calls = 1;
  }

  void reportMemoryUsage(void*, std::int64_t bytes, Total, Total, c10::Device) override {
    if (bytes > 0) allocated += bytes;
    // Memory that a component holds is also held by the components around it.
    for (Active* scope = this; scope != nullptr; scope = scope->around) scope->note_live(bytes);
  }
  bool memoryProfilingEnabled() const override { return true; }

  void note_live(std::int64_t bytes) {
    // Allocations may be reported by several threads, so the maximum is kept without a lock.
    const std::int64_t now = live += bytes;
    std::int64_t most = peak;
    while (most < now && !peak.compare_exchange_weak(most, now)) {
    }
  }

  Profile& profile;
  Active* around;
  Clock::time_point start;
  ProfileEntry entry;
  std::atomic<double> seconds_within = 0;
  std::atomic<std::int64_t> allocated = 0, live = 0, peak = 0;
  std::unique_ptr<c10::DebugInfoGuard> guard;
};

/// A scope costs nothing unless the model has a profile; the header checks that.
void ProfileScope::begin(Profile& profile, std::int64_t block, const char* component) {
  active_ = std::make_shared<Active>(profile, block, component);
  active_->guard = std::make_unique<c10::DebugInfoGuard>(profiler_slot(), active_);
}

void ProfileScope::end() noexcept {
  active_->guard.reset();
  const double seconds = std::chrono::duration<double>(Clock::now() - active_->start).count();
  ProfileEntry& entry = active_->entry;
  // Own time: without that of the scopes inside, which have entries of their own.
  entry.seconds = std::max(0.0, seconds - active_->seconds_within);
  entry.allocated_bytes = active_->allocated;
  entry.peak_bytes = active_->peak;
  if (active_->around != nullptr) active_->around->seconds_within += seconds;
  active_->profile.add(entry);
}

void ProfileScope::reads(std::int64_t weight_bytes) {
  if (active_) active_->entry.weight_bytes += weight_bytes;
}

void Profile::add(const ProfileEntry& entry) {
  const std::lock_guard lock(mutex_);
  // Entries are summed by block and component over all forwards.
  ProfileEntry& sum = entries_[{entry.block, entry.component}];
  sum.block = entry.block;
  sum.component = entry.component;
  sum.calls += entry.calls;
  sum.seconds += entry.seconds;
  sum.allocated_bytes += entry.allocated_bytes;
  // Peaks of different calls are not held at the same time.
  sum.peak_bytes = std::max(sum.peak_bytes, entry.peak_bytes);
  sum.weight_bytes += entry.weight_bytes;
}

std::vector<ProfileEntry> Profile::take() {
  const std::lock_guard lock(mutex_);
  std::vector<ProfileEntry> all;
  for (auto& [key, entry] : entries_) all.push_back(std::move(entry));
  entries_.clear();
  return all;
}

std::shared_ptr<const Model> with_profile(const std::shared_ptr<const Model>& model,
                                          std::shared_ptr<Profile> profile) {
  const auto* known = dynamic_cast<const Profiled*>(model.get());
  if (known == nullptr)
    throw UsageError("profile: this kind of model cannot be profiled; use one from Model::open");
  return known->profiled(std::move(profile));
}

/// nullptr if costs are not recorded.
Profile* profile_of(const Model& model) {
  const auto* known = dynamic_cast<const Profiled*>(&model);
  return known == nullptr ? nullptr : known->profile();
}

std::int64_t bytes_of(const at::Tensor& tensor) {
  return stored_bytes(tensor);
}

std::int64_t bytes_of(const Linear& linear) {
  return bytes_of(linear.weight) + bytes_of(linear.bias);
}

std::int64_t bytes_of(const NormWeights& norm) {
  return bytes_of(norm.gain) + bytes_of(norm.bias);
}

std::int64_t bytes_of(const LatentWeights& latent) {
  return bytes_of(latent.query_in) + bytes_of(latent.query_norm) + bytes_of(latent.query_out) +
         bytes_of(latent.key_value_in) + bytes_of(latent.key_value_norm) +
         bytes_of(latent.key_value_out);
}

std::int64_t attention_bytes(const BlockWeights& block) {
  // If one matrix stores the three projections, q, k and v are views of it.
  const std::int64_t projections = block.qkv.weight.defined()
                                       ? bytes_of(block.qkv)
                                       : bytes_of(block.q) + bytes_of(block.k) + bytes_of(block.v);
  return projections + bytes_of(block.o) + bytes_of(block.q_norm) + bytes_of(block.k_norm) +
         bytes_of(block.sinks) + bytes_of(block.latent);
}

std::int64_t mlp_bytes(const BlockWeights& block) {
  const ExpertWeights& shared = block.shared_expert;
  return bytes_of(block.gate) + bytes_of(block.in) + bytes_of(block.out) + bytes_of(block.router) +
         bytes_of(shared.gate) + bytes_of(shared.in) + bytes_of(shared.out) +
         bytes_of(block.shared_expert_gate) + bytes_of(block.router_correction);
}

}  // namespace lensbench
