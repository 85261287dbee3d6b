#include "archive/run/case_file.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <lensbench/error.hpp>
#include <span>
#include <string_view>

#include "archive/hdf5/attributes.hpp"
#include "archive/hdf5/dataset_io.hpp"
#include "archive/hdf5/growing_memory.hpp"
#include "core/files/checksum.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

using hdf5::Handle;

void write_costs(hid_t file, const CaseCosts& costs) {
  Handle group = hdf5::create_group(file, "costs");
  write_text(group, "json", canonical_json(to_json(costs)));
  group.close_written("costs");
}

constexpr std::string_view kTrailer = "\nlensbench unit xxh3-128 ";

/// Trailer of a case file: a checksum of the HDF5 image before it. Layout of the file: image, then
/// kTrailer, 32 hexadecimal digits and a line feed. HDF5 ignores bytes after its image. The
/// checksum is compared before libhdf5 sees the image, because damage could make libhdf5 end the
/// process.
std::string trailer_of(std::span<const std::byte> image) {
  return std::string(kTrailer) + checksum_hex(image) + "\n";
}

/// Checks the bytes of a case file against its trailer.
/// \return the image before the trailer
/// \throws InputError if the bytes differ from those that were written
std::span<std::byte> check_bytes(std::span<std::byte> bytes, const std::string& path) {
  const std::size_t length = kTrailer.size() + kChecksumDigits + 1;
  if (bytes.size() < length) throw InputError(path + ": not a case file of a run, or truncated");
  const auto image = bytes.first(bytes.size() - length);
  const auto end = bytes.last(length);
  const std::string found(reinterpret_cast<const char*>(end.data()), end.size());
  if (found != trailer_of(image))
    throw InputError(path + ": damaged: its bytes differ from those that were written");
  return image;
}

std::span<std::byte> read_bytes(const std::string& path, hdf5::GrowingMemory& memory) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || !file) throw InputError(path + ": cannot be read");
  auto* first = static_cast<char*>(memory.resize(std::max<std::size_t>(1, size)));
  if (first == nullptr)
    throw RunError(path + ": not enough memory for its " + std::to_string(size) + " bytes");
  file.read(first, static_cast<std::streamsize>(size));
  if (!file) throw InputError(path + ": cannot be read");
  return std::as_writable_bytes(std::span(first, size));
}

}  // namespace

Dataset receipts_to_dataset(const std::vector<Receipt>& receipts) {
  std::vector<std::string> names, notes;
  std::vector<double> values, tolerances;
  std::vector<std::int64_t> flags;
  for (const Receipt& receipt : receipts) {
    names.push_back(receipt.name);
    notes.push_back(receipt.note);
    values.push_back(receipt.value);
    tolerances.push_back(receipt.tolerance);
    flags.push_back(receipt.passed ? 1 : 0);
  }
  Dataset dataset;
  dataset.add("name", "receipt", std::move(names), "fact that was checked");
  dataset.add("value", {"receipt"}, at::tensor(values, at::kDouble), "1", "what was measured");
  dataset.add("tolerance", {"receipt"}, at::tensor(tolerances, at::kDouble), "1",
              "the most it may be");
  dataset.add("passed", {"receipt"}, at::tensor(flags, at::kLong).to(at::kBool), "1",
              "value is within tolerance");
  dataset.add("note", "receipt", std::move(notes), "why this tolerance, or what was skipped");
  return dataset;
}

std::vector<Receipt> receipts_from_dataset(const Dataset& dataset) {
  std::vector<Receipt> receipts;
  if (!dataset.contains("name")) return receipts;
  for (std::int64_t i = 0; i < dataset.dim("receipt"); ++i) {
    const auto row = static_cast<std::size_t>(i);
    receipts.push_back({dataset["name"].strings.at(row), dataset["value"].tensor[i].item<double>(),
                        dataset["tolerance"].tensor[i].item<double>(),
                        dataset["passed"].tensor[i].item<bool>(), dataset["note"].strings.at(row)});
  }
  return receipts;
}

void make_case_file(const CaseFileHeader& header, const std::map<std::string, Dataset>& saved,
                    const CaseCosts& costs, const WriteCaseFile& write) {
  hdf5::ImageWriter image;
  Handle results = hdf5::create_group(image.root(), "results");
  Handle receipts = hdf5::create_group(image.root(), "receipts");
  for (const auto& [name, dataset] : saved) {
    Handle group = hdf5::create_group(results, name);
    write_dataset(group, dataset, Checks::outside);
    group.close_written("group '" + name + "'");
    if (dataset.receipts.empty()) continue;
    Handle checks = hdf5::create_group(receipts, name);
    write_dataset(checks, receipts_to_dataset(dataset.receipts), Checks::outside);
    checks.close_written("receipts of '" + name + "'");
  }
  results.close_written("results");
  receipts.close_written("receipts");
  write_costs(image.root(), costs);
  write_attribute(image.root(), "key", header.key);
  write_attribute(image.root(), "case", header.index);
  write_attribute(image.root(), "error", header.error);
  image.finish([&](std::span<const std::byte> bytes) { write(bytes, trailer_of(bytes)); });
}

CaseFileReader::CaseFileReader(const std::string& path) : path_(path) {
  auto memory = std::make_shared<hdf5::GrowingMemory>();
  const auto bytes = check_bytes(read_bytes(path, *memory), path);
  image_ = {bytes, std::move(memory)};
  file_ = hdf5::open_image(bytes, path);
  const auto attributes = read_attributes(file_, path);
  try {
    header_.key = std::get<std::string>(attributes.at("key"));
    header_.index = std::get<std::int64_t>(attributes.at("case"));
    header_.error = std::get<std::string>(attributes.at("error"));
  } catch (const std::exception&) {
    throw InputError(path + ": not a case file of a run: its attributes are incomplete");
  }
}

std::vector<std::string> CaseFileReader::names() const {
  std::vector<std::string> names;
  for (const auto& child : hdf5::children(hdf5::open_group(file_, "results"), "/results"))
    names.push_back(child.name);
  return names;
}

bool CaseFileReader::contains(const std::string& name) const {
  return hdf5::exists(hdf5::open_group(file_, "results"), name);
}

Dataset CaseFileReader::read(const std::string& name) const {
  Dataset dataset = read_dataset(hdf5::open_group(hdf5::open_group(file_, "results"), name),
                                 path_ + "/results/" + name, {}, &image_);
  const Handle receipts = hdf5::open_group(file_, "receipts");
  if (hdf5::exists(receipts, name))
    dataset.receipts = receipts_from_dataset(
        read_dataset(hdf5::open_group(receipts, name), path_ + "/receipts/" + name));
  return dataset;
}

CaseCosts CaseFileReader::costs() const {
  const std::string text = read_text(hdf5::open_group(file_, "costs"), path_ + "/costs", "json");
  try {
    return costs_from_json(parse_json(text, path_ + "/costs/json"));
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path_ + "/costs/json: not costs of a case: " + error.what());
  }
}

}  // namespace lensbench
