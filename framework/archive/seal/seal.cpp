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

// The seal: units become one archive, in a temporary file that is read back and compared with its
// digests before it gets its name. Units are read one at a time, so that the memory used does not
// depend on the number of cases.

namespace lensbench {
namespace {

using hdf5::Handle;

void write_group(hid_t parent, const std::string& name, const Dataset& dataset) {
  Handle group = hdf5::create_group(parent, name);
  write_dataset(group, dataset);
  group.close_written("group '" + name + "'");
}

/// Writes the groups of one archive into a new file.
class Packer {
 public:
  Packer(const SealInput& input, const std::filesystem::path& file) : input_(input), image_(file) {}

  /// Results come before all tables that are filled while they are read (receipts, costs);
  /// `/units`, with the digests of the others, comes last.
  void pack() {
    write_root();
    write_recipe();
    write_results();
    write_group(image_.root(), "receipts", receipts_table(receipts_));
    write_group(image_.root(), "vocabulary",
                vocabulary_table(input_.vocabulary, input_.vocabulary_bytes));
    // Facts about the machine that decide equal bits, then those that differ from run to run.
    write_facts("environment", input_.environment, {});
    write_facts("run", input_.run, costs_.table());
    write_units_table();
    write_digests(image_.root(), digests_);
    image_.finish();
  }

  const Digests& digests() const { return digests_; }

 private:
  /// Writes the table `/units` with the digests of all other groups. It must be the last group,
  /// because the others cannot change after it. Their digests are reused for the digests of the
  /// archive.
  void write_units_table() {
    PartDigests known;
    const Relieve relieve = [&] { image_.relieve(); };
    for (const char* path :
         {"/results", "/recipe", "/receipts", "/vocabulary", "/environment", "/run"}) {
      // Only results have cases whose damage can be named apart.
      const bool of_cases = path == std::string_view("/results");
      collect_digests(image_.root(), path, known.paths, of_cases ? &known.cases : nullptr, relieve);
    }
    Dataset units = units_table(input_.plan, records_of_cases());
    add_digests(units, known);
    write_group(image_.root(), "units", units);
    digests_ = compute_digests(image_.root(), known.paths, relieve);
  }

  /// Attributes of the root, by which readers recognise an archive and its format.
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
    // An archive is written only when every case has run; a run that is not complete stays a
    // folder.
    attribute("complete", std::int64_t{1});
  }

  /// The request. Its columns also give the digest by which archives over the same cases are found.
  void write_recipe() {
    Handle group = hdf5::create_group(image_.root(), "recipe");
    write_text(group, "request", canonical_json(input_.plan.request));
    // The source comes from a plug-in, which may have any bytes.
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

  /// First pass over the units: shapes for the join, receipts and costs. Datasets are read and
  /// freed one at a time.
  std::map<std::string, Joining> scan_units() {
    std::map<std::string, Joining> joinings;
    for (std::size_t i = 0; i < input_.units.size(); ++i) {
      if (input_.units[i].status == CaseStatus::planned) continue;
      // Units are in the order of the plan, pass by pass.
      const std::size_t one = i % input_.plan.cases.size();
      const auto number = static_cast<std::int64_t>(one);
      for (const std::string& name : *input_.units[i].names) {
        const Dataset part = input_.read(i, name);
        Joining& joining = joinings[name];
        joining.join.scan(part, number, input_.plan.cases[one].id);
        joining.cases.push_back(i);
        for (const Receipt& receipt : part.receipts) note_receipt({receipt, name, number});
      }
      if (input_.costs) costs_.add(number, input_.costs(i));
    }
    return joinings;
  }

  /// One record a case: that of its last pass, or of the pass that failed.
  std::vector<UnitRecord> records_of_cases() const {
    const std::size_t cases = input_.plan.cases.size();
    std::vector<UnitRecord> records(input_.units.begin(),
                                    input_.units.begin() + static_cast<std::int64_t>(cases));
    for (std::size_t i = cases; i < input_.units.size(); ++i)
      if (UnitRecord& record = records[i % cases]; record.status != CaseStatus::failed)
        record = input_.units[i];
    return records;
  }

  /// Results of cases by name, then summaries over all cases. Every name is a group.
  void write_results() {
    auto joinings = scan_units();
    Handle results = hdf5::create_group(image_.root(), "results");
    describe_results(results, joinings);
    for (auto& [dataset_name, dataset_joining] : joinings) {
      // Structured bindings cannot be captured by lambdas in every C++20 compiler.
      const std::string& name = dataset_name;
      auto& joining = dataset_joining;
      joining.join.finish();
      Handle group = hdf5::create_group(results, name);
      const auto read = [&](std::size_t p) { return input_.read(joining.cases[p], name); };
      write_joined(group, joining.join, joining.cases.size(), read, [&] { image_.relieve(); });
      group.close_written("group '" + name + "'");
    }
    for (const auto& [name, dataset] : input_.summaries) {
      // A summary must not hide what cases saved.
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

  /// Attributes by which programs of the NeXus convention find a result from the root; the first
  /// name is the default.
  void describe_results(hid_t results, const std::map<std::string, Joining>& joinings) const {
    std::set<std::string> names;
    for (const auto& [name, joining] : joinings) names.insert(name);
    for (const auto& [name, dataset] : input_.summaries) names.insert(name);
    write_attribute(results, "NX_class", std::string("NXentry"));
    if (!names.empty()) write_attribute(results, "default", *names.begin());
  }

  /// Keeps the worst value of each receipt over all cases, with its case.
  void note_receipt(ReceiptRecord record) {
    for (ReceiptRecord& known : receipts_)
      if (known.dataset == record.dataset && known.receipt.name == record.receipt.name) {
        if (is_worse(record.receipt, known.receipt)) known = std::move(record);
        return;
      }
    receipts_.push_back(std::move(record));
  }

  /// Facts as JSON, which readers of archives parse, and again as attributes, which other programs
  /// show.
  void write_facts(const std::string& name, const nlohmann::json& facts, const Dataset& table) {
    Handle group = hdf5::create_group(image_.root(), name);
    write_text(group, "json", canonical_json(facts));
    write_dataset(group, table);
    for (const auto& [key, value] : fact_attributes(facts)) write_attribute(group, key, value);
    group.close_written(name);
  }

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
                   ": the digests of the packed archive do not match; the units are kept, "
                   "resume the run to seal it again");
}

/// Lines of `name digest`, in the form of the sidecar file.
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
// and verified before the rename gives it its name, and the caller removes the units only
// after this returns. A crash before the rename leaves a run that can be resumed; a crash after it
// leaves a complete archive, to which finish_sealed_run adds a missing sidecar.
SealResult write_archive(const std::filesystem::path& out, const RunFolder& folder,
                         const SealInput& input) {
  // The temporary file is in the folder of the run, so the rename stays within one file system.
  const std::filesystem::path packed = folder.temporary() / "archive.h5";
  const Removal removal{packed};
  Packer packer(input, packed);
  packer.pack();
  const Digests& digests = packer.digests();
  // A fault of the disk or of libhdf5 is found here, while the units still exist.
  verify_file(packed, digests);
  // The name may have been taken since the run began; a file of somebody else is never replaced.
  if (!publish_new_file(packed, out))
    throw RunError(
        out.string() +
        ": was created by another process during the run and is not overwritten; move it "
        "away");
  write_sidecar(out, digests, folder);
  return {out, digests};
}

/// NUL and invalid UTF-8 cannot be stored as text of HDF5; other programs could not open the file.
std::string printable_error(const std::string& text) {
  std::string valid = replace_invalid_utf8(text);
  std::replace(valid.begin(), valid.end(), '\0', ' ');
  return valid;
}

}  // namespace lensbench
