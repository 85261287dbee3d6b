#include "archive/seal/seal.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <set>
#include <sstream>

#include "archive/digest/cases_digest.hpp"
#include "archive/digest/digest.hpp"
#include "archive/digest/digest_table.hpp"
#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "archive/seal/joined_group.hpp"
#include "archive/seal/run_tables.hpp"
#include "archive/seal/tables.hpp"
#include "core/files/atomic_file.hpp"
#include "core/text/json.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;

void write_group(hid_t parent, const std::string& name, const Dataset& dataset) {
  Handle group = hdf5::create_group(parent, name);
  write_dataset(group, dataset);
  group.close_written("group '" + name + "'");
}

class Packer {
 public:
  Packer(const RunFolder& folder, const SealInput& input, const std::filesystem::path& file)
      : folder_(folder), input_(input), image_(file) {}

  void pack() {
    write_root();
    write_recipe();
    write_results();
    write_group(image_.root(), "receipts", receipts_table(receipts_));
    write_group(image_.root(), "vocabulary",
                vocabulary_table(input_.vocabulary, input_.vocabulary_bytes));
    write_facts("environment", input_.environment, {});
    write_facts("run", input_.run, costs_.table());
    write_units_table();
    write_digests(image_.root(), digests_);
    image_.finish();
  }

  const Digests& digests() const { return digests_; }

 private:
  /// Writes the table `/units` with the digests of all other groups. It must be the last group: the
  /// others cannot change after it. Their digests are reused for the digests of the archive.
  void write_units_table() {
    PartDigests known;
    const Relieve relieve = [&] { image_.relieve(); };
    for (const char* path :
         {"/results", "/recipe", "/receipts", "/vocabulary", "/environment", "/run"}) {
      const bool of_cases = path == std::string_view("/results");
      collect_digests(image_.root(), path, known.paths, of_cases ? &known.cases : nullptr, relieve);
    }
    Dataset units = units_table(input_.plan, records_of_cases());
    add_digests(units, known);
    write_group(image_.root(), "units", units);
    digests_ = compute_digests(image_.root(), known.paths, relieve);
  }

  void write_root() {
    const auto attribute = [&](const char* name, const Attribute& value) {
      write_attribute(image_.root(), name, value);
    };
    attribute("Conventions", "lensbench-1.0");
    attribute("format_version", kArchiveFormat);
    attribute("title", input_.plan.title);
    attribute("experiment", input_.plan.experiment);
    attribute("experiment_version", input_.plan.experiment_version);
    attribute("default", "results");
    attribute("NX_class", "NXroot");
    attribute("complete", std::int64_t{1});
  }

  void write_recipe() {
    Handle group = hdf5::create_group(image_.root(), "recipe");
    write_text(group, "request", canonical_json(input_.plan.request));
    if (!is_storable_text(input_.plan.source))
      throw UsageError("experiment '" + input_.plan.experiment +
                       "': its source text is not valid UTF-8 without NUL");
    write_text(group, "source", input_.plan.source);
    const Dataset table = recipe_table(input_.plan);
    write_dataset(group, table);
    group.close_written("recipe");
    write_attribute(image_.root(), "cases_sha256", cases_digest(table));
  }

  /// Join of the datasets that the cases saved under one name, before their values are written.
  struct Joining {
    CaseJoin join;
    std::vector<std::size_t> cases;
  };

  std::map<std::string, Joining> scan_case_files() {
    std::map<std::string, Joining> joinings;
    for (std::size_t i = 0; i < input_.case_files.size(); ++i) {
      if (input_.case_files[i].status == CaseStatus::planned) continue;
      const std::size_t one = i % input_.plan.cases.size();
      const auto number = static_cast<std::int64_t>(one);
      for (const std::string& name : input_.case_files[i].names) {
        const Dataset part = read(i, name);
        Joining& joining = joinings[name];
        joining.join.scan(part, number, input_.plan.cases[one].id);
        joining.cases.push_back(i);
        for (const Receipt& receipt : part.receipts) note_receipt({receipt, name, number});
      }
      costs_.add(number, input_.cache.costs(static_cast<std::int64_t>(i), file_of(i)));
    }
    return joinings;
  }

  /// One record a case: that of its last pass, or of the pass that failed.
  std::vector<CaseFileRecord> records_of_cases() const {
    const std::size_t cases = input_.plan.cases.size();
    std::vector<CaseFileRecord> records(
        input_.case_files.begin(), input_.case_files.begin() + static_cast<std::int64_t>(cases));
    for (std::size_t i = cases; i < input_.case_files.size(); ++i)
      if (CaseFileRecord& record = records[i % cases]; record.status != CaseStatus::failed)
        record = input_.case_files[i];
    return records;
  }

  std::filesystem::path file_of(std::size_t index) const {
    return folder_.case_file(input_.case_files[index].key);
  }

  Dataset read(std::size_t index, const std::string& name) const {
    return input_.cache.read(static_cast<std::int64_t>(index), file_of(index), name);
  }

  void write_results() {
    auto joinings = scan_case_files();
    Handle results = hdf5::create_group(image_.root(), "results");
    describe_results(results, joinings);
    for (auto& [dataset_name, dataset_joining] : joinings) {
      // Structured bindings cannot be captured by lambdas in every C++20 compiler.
      const std::string& name = dataset_name;
      auto& joining = dataset_joining;
      joining.join.finish();
      Handle group = hdf5::create_group(results, name);
      const auto read = [&](std::size_t p) { return this->read(joining.cases[p], name); };
      write_joined(group, joining.join, joining.cases.size(), read, [&] { image_.relieve(); });
      group.close_written("group '" + name + "'");
    }
    for (const auto& [name, dataset] : input_.summaries) {
      if (joinings.contains(name))
        throw UsageError("summary '" + name +
                         "': cases saved a dataset of this name; choose another name");
      Handle group = hdf5::create_group(results, name);
      write_result(group, dataset);
      group.close_written("group '" + name + "'");
      for (const Receipt& receipt : dataset.receipts) receipts_.push_back({receipt, name, -1});
    }
    results.close_written("results");
  }

  /// Attributes by which programs of the NeXus convention find a result from the root.
  void describe_results(hid_t results, const std::map<std::string, Joining>& joinings) const {
    std::set<std::string> names;
    for (const auto& [name, joining] : joinings) names.insert(name);
    for (const auto& [name, dataset] : input_.summaries) names.insert(name);
    write_attribute(results, "NX_class", std::string("NXentry"));
    if (!names.empty()) write_attribute(results, "default", *names.begin());
  }

  void note_receipt(ReceiptRecord record) {
    for (ReceiptRecord& known : receipts_)
      if (known.dataset == record.dataset && known.receipt.name == record.receipt.name) {
        if (is_worse(record.receipt, known.receipt)) known = std::move(record);
        return;
      }
    receipts_.push_back(std::move(record));
  }

  void write_facts(const std::string& name, const nlohmann::json& facts, const Dataset& table) {
    Handle group = hdf5::create_group(image_.root(), name);
    write_text(group, "json", canonical_json(facts));
    write_dataset(group, table);
    for (const auto& [key, value] : fact_attributes(facts)) write_attribute(group, key, value);
    group.close_written(name);
  }

  const RunFolder& folder_;
  const SealInput& input_;
  hdf5::FileWriter image_;
  std::vector<ReceiptRecord> receipts_;
  RunCosts costs_;
  Digests digests_;
};

/// Reads the packed file from disk, like any later reader, and compares all digests.
void verify_file(const std::filesystem::path& path, const Digests& expected) {
  const Handle file = hdf5::open_file(path.string());
  if (compute_digests(file) != expected || stored_digests(file) != expected)
    throw RunError(path.string() +
                   ": the digests of the packed archive do not match; the case files are kept, "
                   "resume the run to seal it again");
}

std::string sidecar_text(const Digests& digests) {
  return "results_sha256 " + digests.results + "\nrecipe_sha256 " + digests.recipe +
         "\nenvironment_sha256 " + digests.environment + "\nseal_sha256 " + digests.seal + "\n";
}

/// Removes a temporary file at the end of the scope, unless it was renamed.
struct Removal {
  std::filesystem::path path;
  ~Removal() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

}  // namespace

std::filesystem::path sidecar_of(const std::filesystem::path& archive) {
  return archive.string() + ".sha256";
}

void write_sidecar(const std::filesystem::path& archive, const Digests& digests,
                   const RunFolder& folder) {
  const std::string text = sidecar_text(digests);
  std::ostringstream before;
  before << std::ifstream(sidecar_of(archive), std::ios::binary).rdbuf();
  if (before.str() != text) write_file_atomically(sidecar_of(archive), text, folder.temporary());
}

// The order makes sealing safe against crashes: the archive is packed to a temporary file, synced
// and verified before the rename gives it its name, and the caller removes the case files only
// after this returns. A crash before the rename leaves a run that can be resumed; a crash after it
// leaves a complete archive, to which finish_sealed_run adds a missing sidecar.
SealResult write_archive(const std::filesystem::path& out, const RunFolder& folder,
                         const SealInput& input) {
  const std::filesystem::path packed = folder.temporary() / "archive.h5";
  const Removal removal{packed};
  Packer packer(folder, input, packed);
  packer.pack();
  const Digests& digests = packer.digests();
  verify_file(packed, digests);
  if (!publish_new_file(packed, out))
    throw RunError(
        out.string() +
        ": was created by another process during the run and is not overwritten; move it "
        "away");
  write_sidecar(out, digests, folder);
  return {out, digests};
}

std::string printable_error(const std::string& text) {
  std::string valid = replace_invalid_utf8(text);
  std::replace(valid.begin(), valid.end(), '\0', ' ');
  return valid;
}

}  // namespace lensbench
