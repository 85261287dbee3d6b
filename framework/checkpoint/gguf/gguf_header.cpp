#include "checkpoint/gguf/gguf_header.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <lensbench/error.hpp>
#include <utility>

#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"

// The header is a sequence of values without an index, so it is read from its start to its end.
// Nothing that it states is believed before the bytes for it are known to exist.

namespace lensbench {
namespace {

constexpr std::size_t kMostNameBytes = 512;
constexpr std::size_t kMostAxes = 4;  // of ggml
/// A number of a list takes more memory than its bytes in the file, so their sum is bounded.
constexpr std::uint64_t kMostListItems = std::uint64_t{1} << 22;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 48;

constexpr std::array<GgufTypeInfo, 6> kGgufTypes = {{{GgufType::f32, 0, "F32", 1, 4},
                                                     {GgufType::f16, 1, "F16", 1, 2},
                                                     {GgufType::bf16, 30, "BF16", 1, 2},
                                                     {GgufType::q8_0, 8, "Q8_0", 32, 34},
                                                     {GgufType::q4_k, 12, "Q4_K", 256, 144},
                                                     {GgufType::q6_k, 14, "Q6_K", 256, 210}}};

/// Names of types that are not read, for messages.
constexpr std::array<std::pair<std::uint32_t, const char*>, 21> kOtherGgufTypes = {
    {{2, "Q4_0"},   {3, "Q4_1"},    {6, "Q5_0"},   {7, "Q5_1"},     {9, "Q8_1"},    {10, "Q2_K"},
     {11, "Q3_K"},  {13, "Q5_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
     {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"}, {29, "IQ1_M"},
     {34, "TQ1_0"}, {35, "TQ2_0"},  {39, "MXFP4"}}};

/// Kinds of values, as the file numbers them.
enum class ValueKind : std::uint32_t {
  uint8,
  int8,
  uint16,
  int16,
  uint32,
  int32,
  float32,
  boolean,
  text,
  list,
  uint64,
  int64,
  float64
};

std::string name_of_type(std::uint32_t id) {
  for (const auto& [other, name] : kOtherGgufTypes)
    if (other == id) return name;
  return "number " + std::to_string(id);
}

/// Reads the values of a header in order.
class GgufReader {
 public:
  GgufReader(std::string_view file, const std::string& subject) : file_(file), subject_(subject) {}

  GgufHeader read() {
    read_start();
    const auto tensors = number<std::uint64_t>(), pairs = number<std::uint64_t>();
    // A pair has at least a length, a kind and a byte; a tensor a length, axes, a type, an offset.
    require_room(pairs, 13, "metadata");
    for (std::uint64_t i = 0; i < pairs; ++i) read_pair();
    require_room(tensors, 24, "tensors");
    for (std::uint64_t i = 0; i < tensors; ++i) read_tensor();
    place_tensors();
    return std::move(header_);
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(subject_ + ": " + fault + "; fetch the GGUF file again");
  }

  std::uint64_t left() const { return file_.size() - at_; }

  /// \throws InputError unless `count` items of `bytes` can be in the rest of the file
  void require_room(std::uint64_t count, std::uint64_t bytes, const char* what) const {
    if (count > left() / bytes)
      fail("states " + std::to_string(count) + " " + what + ", more than its " +
           std::to_string(file_.size()) + " bytes can hold");
  }

  template <class T>
  T number() {
    if (left() < sizeof(T)) fail("ends within its header");
    T value;
    std::memcpy(&value, file_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string_view text() {
    const auto length = number<std::uint64_t>();
    if (length > left()) fail("ends within a text of its header");
    const std::string_view found = file_.substr(at_, length);
    at_ += length;
    return found;
  }

  /// A key, or the name of a tensor.
  std::string name() {
    const std::string_view found = text();
    if (found.empty() || found.size() > kMostNameBytes || !is_valid_utf8(found))
      fail("has a name that is not UTF-8 of 1 to " + std::to_string(kMostNameBytes) + " bytes");
    return std::string(found);
  }

  void read_start() {
    if (file_.substr(0, 4) != "GGUF") fail("does not begin with GGUF, as a GGUF file does");
    at_ = 4;
    const auto version = number<std::uint32_t>();
    // The first version counts in 32 bits; a large number is a file of the other byte order.
    if (version != 2 && version != 3)
      fail("is of version " + std::to_string(version) + " of GGUF, expected 2 or 3");
  }

  void read_pair() {
    const std::string key = name();
    const auto kind = number<std::uint32_t>();
    nlohmann::json read = value(kind, key);
    if (!header_.metadata.emplace(key, std::move(read)).second)
      fail("has the key '" + printable(key) + "' twice");
  }

  nlohmann::json value(std::uint32_t kind, const std::string& key) {
    return static_cast<ValueKind>(kind) == ValueKind::list ? list(key) : single(kind, key);
  }

  nlohmann::json single(std::uint32_t kind, const std::string& key) {
    switch (static_cast<ValueKind>(kind)) {
      case ValueKind::uint8:
        return number<std::uint8_t>();
      case ValueKind::int8:
        return number<std::int8_t>();
      case ValueKind::uint16:
        return number<std::uint16_t>();
      case ValueKind::int16:
        return number<std::int16_t>();
      case ValueKind::uint32:
        return number<std::uint32_t>();
      case ValueKind::int32:
        return number<std::int32_t>();
      case ValueKind::float32:
        return number<float>();
      case ValueKind::boolean:
        return number<std::uint8_t>() != 0;
      case ValueKind::text:
        return std::string(text());
      case ValueKind::uint64:
        return number<std::uint64_t>();
      case ValueKind::int64:
        return number<std::int64_t>();
      case ValueKind::float64:
        return number<double>();
      case ValueKind::list:
        break;
    }
    fail("has a value of the kind " + std::to_string(kind) + " at '" + printable(key) +
         "', expected a number, a boolean, a text or a list of them");
  }

  nlohmann::json list(const std::string& key) {
    const auto kind = number<std::uint32_t>();
    const auto count = number<std::uint64_t>();
    require_room(count, 1, "list items");
    list_items_ += count;
    if (list_items_ > kMostListItems)
      fail("has more than " + std::to_string(kMostListItems) + " items in its lists");
    nlohmann::json items = nlohmann::json::array();
    for (std::uint64_t i = 0; i < count; ++i) items.push_back(single(kind, key));
    return items;
  }

  void read_tensor() {
    const std::string called = name();
    GgufTensor tensor;
    read_shape(called, tensor);
    const auto id = number<std::uint32_t>();
    const GgufTypeInfo& info = known_type(called, id);
    tensor.type = info.type;
    tensor.begin = number<std::uint64_t>();
    if (tensor.shape.back() % info.elements != 0)
      fail(of(called) + "has rows of " + std::to_string(tensor.shape.back()) +
           " elements, expected a multiple of " + std::to_string(info.elements) + " for " +
           info.name);
    std::uint64_t elements = 1;
    for (const std::int64_t size : tensor.shape) elements *= static_cast<std::uint64_t>(size);
    tensor.end = elements / static_cast<std::uint64_t>(info.elements) *
                 static_cast<std::uint64_t>(info.bytes);
    if (!header_.tensors.emplace(called, std::move(tensor)).second)
      fail(of(called) + "is described twice");
  }

  /// Sizes are stored with the adjacent axis first. Their product stays below a limit, so that no
  /// later product overflows.
  void read_shape(const std::string& called, GgufTensor& tensor) {
    const auto axes = number<std::uint32_t>();
    if (axes == 0 || axes > kMostAxes)
      fail(of(called) + "has " + std::to_string(axes) + " axes, expected 1 to " +
           std::to_string(kMostAxes));
    std::uint64_t product = 1;
    for (std::uint32_t axis = 0; axis < axes; ++axis) {
      const auto size = number<std::uint64_t>();
      if (size == 0 || size > kMostElements / product)
        fail(of(called) + "has an axis of " + std::to_string(size) +
             " elements, expected a positive number and a tensor that fits the file");
      product *= size;
      tensor.shape.push_back(static_cast<std::int64_t>(size));
    }
    std::reverse(tensor.shape.begin(), tensor.shape.end());
  }

  const GgufTypeInfo& known_type(const std::string& called, std::uint32_t id) const {
    std::string names;
    for (const GgufTypeInfo& info : kGgufTypes) {
      if (info.id == id) return info;
      names += (names.empty() ? "" : ", ") + std::string(info.name);
    }
    throw InputError(subject_ + ": " + of(called) + "has the type " + name_of_type(id) +
                     "; supported: " + names + " (use a file of these types)");
  }

  std::uint64_t alignment() const {
    const auto found = header_.metadata.find("general.alignment");
    if (found == header_.metadata.end()) return 32;
    if (!found->second.is_number_unsigned()) fail("has a general.alignment that is not a count");
    const auto value = found->second.get<std::uint64_t>();
    if (value == 0 || value > (1U << 20) || (value & (value - 1)) != 0)
      fail("has the general.alignment " + std::to_string(value) + ", expected a power of 2");
    return value;
  }

  /// The data begins at the next multiple of the alignment; offsets count from there.
  void place_tensors() {
    const std::uint64_t step = alignment();
    header_.data_begin = (at_ + step - 1) / step * step;
    if (header_.data_begin > file_.size() && !header_.tensors.empty())
      fail("ends before the data of its tensors");
    const std::uint64_t data =
        file_.size() - std::min<std::uint64_t>(header_.data_begin, file_.size());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
    for (auto& [called, tensor] : header_.tensors) {
      const std::uint64_t size = tensor.end;
      if (tensor.begin % step != 0 || tensor.begin > data || size > data - tensor.begin)
        fail(of(called) + "has " + std::to_string(size) + " bytes at the offset " +
             std::to_string(tensor.begin) + ", expected a multiple of " + std::to_string(step) +
             " within the " + std::to_string(data) + " bytes of data");
      tensor.end = tensor.begin + size;
      places.emplace_back(tensor.begin, tensor.end);
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      if (places[i].first < places[i - 1].second) fail("has tensors that overlap");
  }

  static std::string of(const std::string& called) { return "tensor '" + printable(called) + "' "; }

  std::string_view file_;
  const std::string& subject_;
  std::uint64_t at_ = 0, list_items_ = 0;
  GgufHeader header_;
};

}  // namespace

const GgufTypeInfo& gguf_type_info(GgufType type) {
  return *std::find_if(kGgufTypes.begin(), kGgufTypes.end(),
                       [&](const GgufTypeInfo& info) { return info.type == type; });
}

GgufHeader parse_gguf_header(std::string_view file, const std::string& subject) {
  return GgufReader(file, subject).read();
}

}  // namespace lensbench
