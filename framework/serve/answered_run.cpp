#include "serve/answered_run.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "core/dataset/join_cases.hpp"
#include "core/dataset/names.hpp"
#include "report/page/live/live_data.hpp"
#include "session/recipe.hpp"

static_assert(std::endian::native == std::endian::little, "messages are little-endian");

namespace lensbench::serve {
namespace {

using nlohmann::json;

/// Most bytes of the values that a page receives: more than a reader can look at, and less than
/// what a browser has trouble to hold.
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

json files_of(const RunPlan& plan) {
  json files = json::array();
  for (const FileRecord& file : plan.files)
    files.push_back(
        {{"role", file.role}, {"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}});
  return files;
}

json plugins_of(const RunPlan& plan) {
  json plugins = json::array();
  for (const PluginRecord& plugin : plan.plugins)
    plugins.push_back({{"name", plugin.name},
                       {"version", plugin.version},
                       {"sha256", plugin.sha256},
                       {"tools", plugin.entries}});
  return plugins;
}

/// Cases, seconds, names and receipts.
void add_cases(page::RunSource& source, const AnsweredRun& run) {
  std::set<std::string> names;
  const RunPlan& plan = run.session->plan();
  for (const auto& [index, entry] : run.kept.results.entries()) {
    const CasePlan& planned = plan.cases[static_cast<std::size_t>(index)];
    source.cases.push_back({planned.id, planned.text, planned.n_tokens, planned.ids,
                            entry.error.empty() ? CaseStatus::complete : CaseStatus::failed,
                            entry.error});
    source.seconds.push_back(entry.costs.whole.seconds);
    for (const auto& [name, dataset] : entry.saved) {
      names.insert(name);
      for (const Receipt& receipt : dataset.receipts)
        source.receipts.push_back({receipt, name, index});
    }
  }
  source.names.assign(names.begin(), names.end());
}

page::RunSource source_of(const AnsweredRun& run, const json& environment) {
  const RunPlan& plan = run.session->plan();
  page::RunSource source;
  source.file = run.file;
  source.title = plan.title;
  source.experiment = plan.experiment;
  source.experiment_version = plan.experiment_version;
  source.request = plan.request;
  source.environment = environment;
  source.run = run.kept.facts;
  source.costs = json::object();
  source.files = files_of(plan);
  source.plugins = plugins_of(plan);
  add_cases(source, run);
  source.stored = [&run](const std::string& name, const std::vector<std::int64_t>& cases) {
    std::vector<Dataset> parts;
    std::vector<std::int64_t> numbers;
    std::vector<std::string> ids;
    for (const std::int64_t number : cases) {
      parts.push_back(run.kept.results.read(number, name));
      numbers.push_back(number);
      ids.push_back(run.session->plan().cases[static_cast<std::size_t>(number)].id);
    }
    return page::stored_form(parts.empty() ? Dataset() : join_cases(parts, numbers, ids));
  };
  source.token = [tokenizer = run.session->model().tokenizer()](std::int64_t id) {
    return tokenizer && id >= 0 ? tokenizer->token_text(id) : "<" + std::to_string(id) + ">";
  };
  return source;
}

/// Fills up to a multiple of 8 bytes, so that numbers of any type can be read where they are.
void pad(std::string& message) {
  message.append((8 - message.size() % 8) % 8, '\0');
}

}  // namespace

std::string page_message(std::int64_t number, const AnsweredRun& run, const json& environment) {
  const page::RunSource source = source_of(run, environment);
  page::LiveData data = page::live_data(source, kMostBytes);
  json sizes = json::array();
  std::size_t bytes = 0;
  for (const std::string& block : data.blocks) {
    sizes.push_back(block.size());
    bytes += block.size() + 8;
  }
  const std::string text = json{
      {"id", number},
      {"notes", run.notes},
      {"file", run.file},
      {"index", std::move(data.index)},
      {"blocks",
       std::move(sizes)}}.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto length = static_cast<std::uint32_t>(text.size());
  std::string message(sizeof length, '\0');
  message.reserve(sizeof length + text.size() + 8 + bytes);
  std::memcpy(message.data(), &length, sizeof length);
  message += text;
  for (const std::string& block : data.blocks) {
    pad(message);
    message += block;
  }
  return message;
}

}  // namespace lensbench::serve
