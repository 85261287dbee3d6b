#include "place_rows.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "common/activation_rows.hpp"

namespace lensbench::interchange {
namespace {

std::vector<at::Tensor> rows_of(const Model& model, const std::vector<std::string>& points,
                                const std::vector<Tokens>& prompts, std::int64_t position,
                                const std::function<void()>& stop) {
  std::vector<std::int64_t> positions;
  positions.reserve(prompts.size());
  for (const Tokens& prompt : prompts)
    positions.push_back(position < 0 ? position + prompt.size() : position);
  return tracing::read_rows("interchange", model, points, prompts, positions, stop);
}

/// Bytes of the rows of all pairs at one point, of bases and sources at all positions.
std::int64_t bytes_of_point(const InterchangePlan& plan) {
  return 2 * std::ssize(plan.options.position) * plan.n_pairs() * plan.width *
         static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

RowReader::RowReader(const Model& model, const InterchangePlan& plan, std::int64_t most_bytes)
    : model_(model),
      plan_(plan),
      most_points_(static_cast<std::size_t>(
          std::clamp<std::int64_t>(most_bytes / std::max<std::int64_t>(1, bytes_of_point(plan)), 1,
                                   std::ssize(plan.points)))) {}

std::int64_t RowReader::bytes() const {
  return static_cast<std::int64_t>(most_points_) * bytes_of_point(plan_);
}

void RowReader::read(std::size_t first, const std::function<void()>& stop) {
  positions_.clear();  // before others are read, so that both are never held
  std::vector<std::string> points;
  for (std::size_t i = first; i < std::min(first + most_points_, plan_.points.size()); ++i)
    points.push_back(plan_.points[i].name);
  std::vector<Tokens> bases, sources;
  for (const InterchangePair& pair : plan_.pairs) {
    bases.push_back(pair.base);
    sources.push_back(pair.source);
  }
  std::vector<Position> read;
  for (const std::int64_t position : plan_.options.position)
    read.push_back({rows_of(model_, points, bases, position, stop),
                    rows_of(model_, points, sources, position, stop)});
  positions_ = std::move(read);
  first_ = first;
}

PlaceRows RowReader::rows(const Place& place, const std::function<void()>& stop) {
  if (positions_.empty() || place.point < first_ || place.point >= first_ + most_points_)
    read(place.point, stop);
  const auto index = static_cast<std::size_t>(place.number) % plan_.options.position.size();
  const Position& own = positions_[index];
  const std::size_t point = place.point - first_;
  return {own.base[point].to(at::kDouble), own.source[point].to(at::kDouble)};
}

at::Tensor source_rows(const Model& model, const InterchangePlan& plan, const Place& place,
                       const std::vector<std::int64_t>& chosen) {
  std::vector<Tokens> sources;
  sources.reserve(chosen.size());
  for (const std::int64_t pair : chosen)
    sources.push_back(plan.pairs[static_cast<std::size_t>(pair)].source);
  return rows_of(model, {place.hook.name}, sources, place.position, [] {}).front().to(at::kDouble);
}

}  // namespace lensbench::interchange
