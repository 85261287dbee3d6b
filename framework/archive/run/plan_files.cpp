#include "archive/run/plan_files.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <lensbench/error.hpp>
#include <ostream>
#include <span>

#include "archive/run/frame.hpp"
#include "archive/run/run_folder.hpp"
#include "core/files/atomic_file.hpp"
#include "core/files/checksum.hpp"
#include "core/text/json.hpp"

// The plan of a run on disk. A run is recognised by READY, which is written last and has the
// checksums of all other files: a plan that a kill left half written is not a plan. Cases are in a
// file with an index, so that one case of a million is read without parsing the others.

namespace lensbench {
namespace {

using nlohmann::json;
using std::filesystem::path;

constexpr std::string_view kIndexMagic = "lensbench cases";

/// Head of `cases.idx`, as long as a record, so that every record is at a multiple of 32 bytes.
struct IndexHead {
  std::array<char, 16> magic{};
  std::uint64_t layout = 1, cases = 0;
};
static_assert(sizeof(IndexHead) == 32 && sizeof(CaseIndexRecord) == 32);

template <class Value>
std::span<const std::byte> bytes_of(const Value& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

IndexHead index_head(const RunPlan& plan) {
  IndexHead head;
  kIndexMagic.copy(head.magic.data(), head.magic.size());
  head.cases = plan.cases.size();
  return head;
}

/// Calls `use` with the text of each case and its record. Texts are produced one at a time, so that
/// a plan of many cases is never in memory as a second copy.
template <class Use>
void for_each_case(const RunPlan& plan, Use&& use) {
  std::uint64_t offset = 0;
  for (const CasePlan& one : plan.cases) {
    const std::string text = canonical_json(case_json(one)) + "\n";
    const CaseIndexRecord record{offset, text.size(), static_cast<std::uint64_t>(one.n_tokens),
                                 checksum_of(bytes_of(one.id)).low};
    use(text, record);
    offset += text.size();
  }
}

/// Canonical JSON, so that equal plans have equal bytes and thus equal checksums.
std::string request_text(const RunPlan& plan) {
  return canonical_json(request_json(plan));
}

/// Facts that `READY` holds: equal for equal plans.
json facts_of(const RunPlan& plan) {
  ChecksumStream cases, index;
  index.add(bytes_of(index_head(plan)));
  for_each_case(plan, [&](const std::string& text, const CaseIndexRecord& record) {
    cases.add(bytes_of(text));
    index.add(bytes_of(record));
  });
  return {{"layout", 1},
          {"cases", plan.cases.size()},
          {"request_json", checksum_hex(bytes_of(request_text(plan)))},
          {"cases_bin", cases.hex()},
          {"cases_idx", index.hex()}};
}

/// The facts of READY, whose kinds are checked because the file may be damaged.
json ready_facts(const path& folder) {
  const json facts = read_json(folder / "READY");
  if (!facts.is_object() || facts.value("layout", json()) != json(1) ||
      !facts.value("cases", json()).is_number_unsigned())
    throw InputError((folder / "READY").string() +
                     ": not the plan of a run, or of another version of lensbench");
  return facts;
}

template <class Value>
Value read_value(const path& file, std::uint64_t offset) {
  const Bytes bytes = read_bytes(open_for_reading(file), offset, sizeof(Value), file);
  Value value;
  std::memcpy(&value, bytes.bytes.data(), sizeof value);
  return value;
}

}  // namespace

bool has_plan(const path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "READY", ignored);
}

/// Each file is written atomically; READY comes last, after all others are safe.
void write_plan(const path& folder, const RunPlan& plan) {
  make_folder(folder);
  const auto put = [](std::ostream& out, std::span<const std::byte> bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  write_file_atomically(folder / "request.json", request_text(plan));
  write_file_atomically(folder / "cases.bin", [&](std::ostream& out) {
    for_each_case(plan, [&](const std::string& text, const auto&) { put(out, bytes_of(text)); });
  });
  write_file_atomically(folder / "cases.idx", [&](std::ostream& out) {
    put(out, bytes_of(index_head(plan)));
    for_each_case(plan, [&](const std::string&, const CaseIndexRecord& record) {
      put(out, bytes_of(record));
    });
  });
  write_file_atomically(folder / "READY", canonical_json(facts_of(plan)));
}

std::size_t planned_cases(const path& folder) {
  return ready_facts(folder)["cases"].get<std::size_t>();
}

/// The request is compared with its checksum, because a resume trusts it.
json planned_request(const path& folder) {
  const path file = folder / "request.json";
  const json request = read_json(file, kPlanLimits);
  if (checksum_hex(bytes_of(canonical_json(request))) !=
      ready_facts(folder).value("request_json", ""))
    throw InputError(file.string() + ": damaged: its content differs from what was written");
  return request;
}

/// Two reads: the record of the case, then the text that it refers to.
json planned_case(const path& folder, std::size_t index) {
  const auto record = read_value<CaseIndexRecord>(
      folder / "cases.idx", sizeof(IndexHead) + sizeof(CaseIndexRecord) * index);
  const path file = folder / "cases.bin";
  const Bytes text = read_bytes(open_for_reading(file), record.offset, record.bytes, file);
  return parse_json(
      std::string(reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size()),
      file.string());
}

/// The checksums are compared first, which takes one pass over the new plan. Only if they differ
/// are the stored cases read, one by one, until three differences are found for the message.
std::string difference_from_plan(const path& folder, const RunPlan& plan) {
  const json stored = ready_facts(folder);
  if (stored == facts_of(plan)) return "";
  json before = planned_request(folder), now = request_json(plan);
  constexpr std::size_t kMost = 3;
  const auto there = stored["cases"].get<std::size_t>();
  for (std::size_t i = 0, found = 0; i < std::max(there, plan.cases.size()) && found < kMost; ++i) {
    json was = i < there ? planned_case(folder, i) : json();
    json is = i < plan.cases.size() ? case_json(plan.cases[i]) : json();
    if (was == is) continue;
    ++found;
    for (auto [one, all] : {std::pair(&was, &before), std::pair(&is, &now)}) {
      one->erase("ids");  // ids_sha256 tells the difference
      if (!one->is_null()) (*all)["cases"][std::to_string(i)] = *one;
    }
  }
  const std::string difference = plan_difference(before, now);
  return difference.empty() ? "its plan has other content" : difference;
}

}  // namespace lensbench
