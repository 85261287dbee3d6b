#include "session/joint/shard.hpp"

#include <charconv>
#include <lensbench/error.hpp>
#include <optional>
#include <string_view>

namespace lensbench {
namespace {

std::optional<std::int64_t> number_of_shard(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Digits alone: from_chars also reads a sign.
  const bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (!digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::string subject = "--shard '" + text + "': ";
  const auto slash = text.find('/');
  const std::string_view all = text;
  const auto number = number_of_shard(all.substr(0, slash));
  const auto count =
      slash == std::string::npos ? std::nullopt : number_of_shard(all.substr(slash + 1));
  if (!number || !count)
    throw UsageError(subject +
                     "expected NUMBER/COUNT, as in --shard 7/200 for the 7th of 200 parts");
  if (*count < 1) throw UsageError(subject + "a run has at least 1 part; give --shard 1/1");
  if (*number < 1 || *number > *count)
    throw UsageError(subject + "the parts of this run have the numbers 1/" +
                     std::to_string(*count) + " to " + std::to_string(*count) + "/" +
                     std::to_string(*count) +
                     (*number == 0 ? "; schedulers that count from 0 need 1 added to their number"
                                   : "; start as many processes as there are parts"));
  return {*number, *count};
}

void check_shard(const Shard& shard, std::int64_t cases) {
  if (shard.count <= cases) return;
  throw UsageError("--shard " + shard.text() + ": the run has only " + std::to_string(cases) +
                   (cases == 1 ? " case" : " cases") + "; divide it into at most " +
                   std::to_string(cases) + (cases == 1 ? " part" : " parts"));
}

}  // namespace lensbench
