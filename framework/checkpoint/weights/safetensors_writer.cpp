#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/weights/safetensors.hpp"

// Writer of safetensors files, in the form of the reference implementation: its header is readable
// by every other program, and equal tensors give equal bytes.

namespace lensbench {
namespace {

using Tensors = std::vector<SafetensorsTensor>;

std::uint64_t bytes_of(const SafetensorsTensor& tensor) {
  std::uint64_t bytes = c10::elementSize(tensor.dtype);
  for (const std::int64_t size : tensor.shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

/// Wider types first, so that every tensor begins at a multiple of its element size without gaps.
void put_in_file_order(Tensors& tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
              const auto width_a = c10::elementSize(a.dtype), width_b = c10::elementSize(b.dtype);
              return width_a != width_b ? width_a > width_b : a.name < b.name;
            });
}

/// Header with the place of each tensor. It is padded with spaces to a multiple of 8 bytes, as the
/// reference implementation does, so that the data that follow the 8 bytes of the length are
/// aligned.
std::string header_of(const Tensors& order, const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const SafetensorsTensor& tensor : order) {
    const std::uint64_t end = begin + bytes_of(tensor);
    header[tensor.name] = {{"dtype", safetensors_dtype(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

/// The tensor must be what the header has announced, because the header is already written.
void write_tensor(std::ofstream& out, const SafetensorsTensor& expected, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  if (plain.scalar_type() != expected.dtype || plain.sizes() != at::IntArrayRef(expected.shape))
    throw UsageError("tensor '" + expected.name +
                     "': element type or shape differs from the announced one");
  out.write(static_cast<const char*>(plain.data_ptr()),
            static_cast<std::streamsize>(plain.nbytes()));
}

/// A temporary file next to the final one, removed unless it was renamed.
class PartFile {
 public:
  explicit PartFile(std::filesystem::path path) : path_(std::move(path)) { path_ += ".part"; }
  ~PartFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

/// Tensors are made one at a time in the order of the file. The name exists only when the file is
/// complete.
void write_safetensors(const std::filesystem::path& path, Tensors tensors,
                       const std::function<at::Tensor(const SafetensorsTensor&)>& make,
                       const std::map<std::string, std::string>& metadata) {
  put_in_file_order(tensors);
  const std::string header = header_of(tensors, metadata);
  const PartFile part(path);
  std::ofstream out(part.path(), std::ios::binary | std::ios::trunc);
  // The length as little-endian u64, whatever the order of the machine is.
  std::uint64_t length = header.size();
  for (int i = 0; i < 8; ++i, length >>= 8) out.put(static_cast<char>(length & 0xff));
  out << header;
  for (auto tensor = tensors.begin(); out && tensor != tensors.end(); ++tensor)
    write_tensor(out, *tensor, make(*tensor));
  // The close flushes, so a full disk is seen here at the latest.
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(part.path(), path, error);
  if (out && !error) return;
  throw RunError(path.string() + ": cannot be written" +
                 (error ? ": " + error.message() : " (is the disk full?)"));
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Tensors announced;
  for (const auto& [name, tensor] : tensors)
    announced.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  write_safetensors(
      path, std::move(announced),
      [&](const SafetensorsTensor& tensor) { return tensors.at(tensor.name); }, metadata);
}

}  // namespace lensbench
