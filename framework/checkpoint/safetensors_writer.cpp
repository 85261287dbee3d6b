#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.hpp"

namespace lensbench {
namespace {

using Item = std::pair<std::string, at::Tensor>;

std::vector<Item> in_file_order(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<Item> order(tensors.begin(), tensors.end());
  std::stable_sort(order.begin(), order.end(), [](const Item& a, const Item& b) {
    return a.second.element_size() > b.second.element_size();
  });
  return order;
}

std::string header_of(const std::vector<Item>& order,
                      const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const auto& [name, tensor] : order) {
    const std::uint64_t end = begin + tensor.nbytes();
    header[name] = {{"dtype", safetensors_dtype(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

void write_all(std::ofstream& out, const std::vector<Item>& order, const std::string& header) {
  std::uint64_t length = header.size();
  for (int i = 0; i < 8; ++i, length >>= 8) out.put(static_cast<char>(length & 0xff));
  out << header;
  for (const auto& [name, tensor] : order) {
    const at::Tensor plain = tensor.detach().cpu().contiguous();
    out.write(static_cast<const char*>(plain.data_ptr()),
              static_cast<std::streamsize>(plain.nbytes()));
  }
  out.close();
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto order = in_file_order(tensors);
  const auto header = header_of(order, metadata);
  auto beside = path;
  beside += ".part";
  std::ofstream out(beside, std::ios::binary | std::ios::trunc);
  write_all(out, order, header);
  std::error_code error;
  if (out) std::filesystem::rename(beside, path, error);
  if (out && !error) return;
  std::error_code ignored;
  std::filesystem::remove(beside, ignored);
  throw RunError(path.string() + ": cannot be written" +
                 (error ? ": " + error.message() : " (is the disk full?)"));
}

}  // namespace lensbench
