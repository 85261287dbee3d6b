#include "checkpoint/quantized/quantized_parts.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <initializer_list>
#include <lensbench/error.hpp>
#include <utility>

#include "core/text/suggest.hpp"

// Where the codes, scales and zeros of a matrix are in a checkpoint, by method.

namespace lensbench {
namespace {

using Method = Quantization::Method;
using Shape = std::vector<std::int64_t>;

constexpr std::string_view kWeight = ".weight";

/// `q_proj` of `q_proj.weight`.
std::string module_of(const std::string& name) {
  return name.ends_with(kWeight) ? name.substr(0, name.size() - kWeight.size()) : name;
}

std::string text_of(const Shape& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
  return "[" + join(sizes, ", ") + "]";
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Opens the tensors of one matrix.
class Opener {
 public:
  Opener(const Checkpoint& checkpoint, const std::string& name, const Shape& shape)
      : checkpoint_(checkpoint),
        quantization_(*checkpoint.quantization()),
        name_(name),
        module_(module_of(name)),
        shape_(shape) {}

  QuantizedParts open() {
    if (quantization_.method == Method::mxfp4) {
      open_mxfp4();
    } else {
      if (shape_.size() != 2)
        fail(name_, "has " + std::to_string(shape_.size()) + " axes", "2, one matrix a tensor");
      matrix_.rows = shape_[0];
      matrix_.columns = shape_[1];
      if (quantization_.method == Method::fp8) open_fp8();
      if (quantization_.method == Method::gptq) open_gptq();
      if (quantization_.method == Method::awq) open_awq();
      if (quantization_.method == Method::compressed) open_compressed();
    }
    parts_.matrix = std::make_shared<const QuantizedMatrix>(std::move(matrix_));
    return std::move(parts_);
  }

 private:
  [[noreturn]] void fail(const std::string& tensor, const std::string& found,
                         const std::string& expected) const {
    throw InputError(checkpoint_.directory().string() + ": tensor " + tensor + " " + found +
                     ", expected " + expected + "; fetch the checkpoint again, or correct " +
                     "quantization_config (" + quantization_.name + ") of its config.json");
  }

  /// A tensor that the matrix needs, in one of the element types (safetensors' words).
  at::Tensor take(const std::string& name, const std::vector<std::string_view>& types) {
    if (!checkpoint_.has(name))
      throw InputError(
          checkpoint_.directory().string() + ": tensor " + name + " is missing, without which " +
          name_ + " cannot be read (quantization_config of config.json: " + quantization_.name +
          "); fetch the checkpoint again");
    const SafetensorsEntry& entry = checkpoint_.entry(name);
    const std::string type(safetensors_dtype(entry));
    if (std::find(types.begin(), types.end(), type) == types.end()) {
      std::vector<std::string> known(types.begin(), types.end());
      fail(name, "has the element type " + type, join(known, " or "));
    }
    parts_.names.push_back(name);
    // Types that tensors do not have are read as bytes.
    return entry.unreadable_type.empty() ? checkpoint_.tensor(name) : checkpoint_.bytes(name);
  }

  at::Tensor take(const std::string& name, const std::vector<std::string_view>& types,
                  const Shape& shape) {
    const at::Tensor tensor = take(name, types);
    if (tensor.sizes() != at::IntArrayRef(shape))
      fail(name, "has shape " + text_of(tensor.sizes().vec()), text_of(shape));
    return tensor;
  }

  /// Tensors of the module that change nothing here: scales of what a GPU would quantize.
  void leave_out(const std::string& module, const std::vector<const char*>& endings) {
    for (const char* ending : endings)
      if (checkpoint_.has(module + ending)) parts_.idle.push_back(module + ending);
  }

  void one_scale_each(std::int64_t block_rows, std::int64_t block_columns) {
    GroupTable& table = matrix_.scales;
    table.rows_per = block_rows;
    table.columns_per = block_columns;
    table.row_stride = divide_up(matrix_.columns, block_columns);
    table.column_stride = 1;
  }

  /// DeepSeek-V3: the scale of a block multiplies its codes, whatever its name says. Blocks at the
  /// last rows and columns may be smaller.
  void open_fp8() {
    matrix_.codes = Codes::e4m3;
    matrix_.data = take(name_, {"F8_E4M3"}, shape_);
    const std::string name = module_ + ".weight_scale_inv";
    matrix_.scales.values = take(name, {"F32", "BF16", "F16", "F8_E8M0", "U8"});
    leave_out(module_, {".activation_scale", ".input_scale"});
    const bool whole = quantization_.block_rows == 0;
    const std::int64_t rows = whole ? matrix_.rows : quantization_.block_rows;
    const std::int64_t columns = whole ? matrix_.columns : quantization_.block_columns;
    one_scale_each(rows, columns);
    const at::Tensor& scales = matrix_.scales.values;
    const Shape expected{divide_up(matrix_.rows, rows), divide_up(matrix_.columns, columns)};
    const bool one = whole && scales.numel() == 1;
    if (!one && scales.sizes() != at::IntArrayRef(expected))
      fail(name, "has shape " + text_of(scales.sizes().vec()),
           text_of(expected) + ", a scale for each block of " + text_of({rows, columns}));
  }

  /// gpt-oss: a byte holds two numbers of a row, 32 numbers have a scale.
  void open_mxfp4() {
    constexpr std::int64_t kGroup = 32;
    if (shape_.size() != 3) fail(name_, "has " + std::to_string(shape_.size()) + " axes", "3");
    const std::int64_t experts = shape_[0], in = shape_[1], out = shape_[2];
    matrix_.codes = Codes::e2m1;
    matrix_.rows = experts * out;
    matrix_.columns = in;
    if (in % kGroup != 0)
      fail(name_, "has " + std::to_string(in) + " inputs", "a multiple of 32, the size of a group");
    matrix_.data = take(name_ + "_blocks", {"U8"}, {experts, out, in / kGroup, kGroup / 2});
    matrix_.scales.values = take(name_ + "_scales", {"U8", "F8_E8M0"}, {experts, out, in / kGroup});
    one_scale_each(1, kGroup);
  }

  /// Inputs that share a scale, which must divide their number.
  std::int64_t checked_group() const {
    const std::int64_t size =
        quantization_.group_size == 0 ? matrix_.columns : quantization_.group_size;
    if (matrix_.columns % size != 0)
      throw InputError(quantization_.place + ".group_size: is " + std::to_string(size) +
                       ", which does not divide the " + std::to_string(matrix_.columns) +
                       " inputs of " + name_ + "; set it to the size that the checkpoint has");
    return size;
  }

  /// Scales [group, out] and packed zeros [group, out / 8] of GPTQ and AWQ.
  void take_groups() {
    const std::int64_t size = checked_group(), groups = matrix_.columns / size;
    if (matrix_.rows % kNumbersPerWord != 0)
      fail(name_, "has " + std::to_string(matrix_.rows) + " outputs", "a multiple of 8");
    matrix_.zeros = take(module_ + ".qzeros", {"I32"}, {groups, matrix_.rows / kNumbersPerWord});
    GroupTable& table = matrix_.scales;
    table.values = take(module_ + ".scales", {"F16", "BF16", "F32"}, {groups, matrix_.rows});
    table.columns_per = size;
    table.row_stride = 1;
    table.column_stride = matrix_.rows;
  }

  void open_gptq() {
    matrix_.codes = Codes::gptq;
    matrix_.zero_offset = quantization_.zero_offset;
    if (matrix_.columns % kNumbersPerWord != 0)
      fail(name_, "has " + std::to_string(matrix_.columns) + " inputs", "a multiple of 8");
    matrix_.data =
        take(module_ + ".qweight", {"I32"}, {matrix_.columns / kNumbersPerWord, matrix_.rows});
    take_groups();
    check_order();
    leave_out_zero_bias();
  }

  /// `g_idx` names the group of each input. Other orders than the plain one come of `desc_act`.
  void check_order() {
    const std::string name = module_ + ".g_idx";
    const std::int64_t size = matrix_.scales.columns_per;
    if (!checkpoint_.has(name)) {
      if (quantization_.act_order && size < matrix_.columns)
        throw InputError(checkpoint_.directory().string() + ": tensor " + name +
                         " is missing, which desc_act of config.json: quantization_config needs; "
                         "fetch the checkpoint again");
      return;
    }
    const at::Tensor groups = take(name, {"I32", "I64"}, {matrix_.columns}).to(at::kLong);
    const at::Tensor plain = at::arange(matrix_.columns, at::kLong).div(size, "floor");
    if (!at::equal(groups, plain))
      throw InputError(checkpoint_.directory().string() + ": tensor " + name +
                       " puts inputs that are not adjacent into one group (desc_act of "
                       "config.json: quantization_config), which is not supported; use a "
                       "checkpoint that was quantized with desc_act false, or the original one");
  }

  /// Old programs gave every quantized module a bias; one of zeros adds nothing.
  void leave_out_zero_bias() {
    const std::string name = module_ + ".bias";
    if (!checkpoint_.has(name) || !checkpoint_.entry(name).unreadable_type.empty()) return;
    const at::Tensor bias = checkpoint_.tensor(name);
    if (bias.numel() == matrix_.rows && !bias.to(at::kFloat).ne(0.0).any().item<bool>())
      parts_.idle.push_back(name);
  }

  void open_awq() {
    matrix_.codes = Codes::awq;
    take_groups();
    matrix_.data =
        take(module_ + ".qweight", {"I32"}, {matrix_.columns, matrix_.rows / kNumbersPerWord});
  }

  void open_compressed() {
    matrix_.data = take(name_, {"F8_E4M3", "I8"}, shape_);
    matrix_.codes = checkpoint_.entry(name_).unreadable_type.empty() ? Codes::int8 : Codes::e4m3;
    const std::string name = module_ + ".weight_scale";
    matrix_.scales.values = take(name, {"F32", "BF16", "F16"});
    set_compressed_groups(name);
    if (checkpoint_.has(module_ + ".weight_g_idx"))
      fail(module_ + ".weight_g_idx", "gives groups an order", "none; use the original checkpoint");
    leave_out(module_, {".input_scale", ".input_zero_point", ".output_scale", ".output_zero_point",
                        ".weight_shape"});
    // Scales of the key-value cache belong to the attention.
    leave_out(module_.substr(0, module_.rfind('.')), {".q_scale", ".k_scale", ".v_scale"});
    const std::string zeros = module_ + ".weight_zero_point";
    if (!checkpoint_.has(zeros)) return;
    if (matrix_.codes == Codes::int8)
      matrix_.zeros = take(zeros, {"I8"}, matrix_.scales.values.sizes().vec());
    else
      require_zero(zeros);
  }

  /// FP8 is symmetric; some checkpoints store zeros that say so.
  void require_zero(const std::string& name) {
    const at::Tensor zeros = take(name, {"I8", "F32", "BF16", "F16", "F8_E4M3"}).to(at::kFloat);
    if (zeros.ne(0.0).any().item<bool>()) fail(name, "holds other numbers", "zeros alone");
  }

  /// The shape of the scales says what each is for: the matrix, a row, a part of a row, a block.
  void set_compressed_groups(const std::string& name) {
    const at::Tensor& scales = matrix_.scales.values;
    const std::int64_t rows = matrix_.rows, columns = matrix_.columns;
    if (scales.numel() == 1) return one_scale_each(rows, columns);
    const bool by_row = scales.dim() >= 1 && scales.dim() <= 2 && scales.size(0) == rows;
    const std::int64_t parts = scales.dim() == 2 ? scales.size(1) : 1;
    if (by_row && parts > 0 && columns % parts == 0) return one_scale_each(1, columns / parts);
    const std::int64_t block_rows = quantization_.block_rows;
    const std::int64_t block_columns = quantization_.block_columns;
    if (block_rows > 0) {
      const Shape expected{divide_up(rows, block_rows), divide_up(columns, block_columns)};
      if (scales.sizes() == at::IntArrayRef(expected))
        return one_scale_each(block_rows, block_columns);
    }
    fail(name, "has shape " + text_of(scales.sizes().vec()),
         "one number, [" + std::to_string(rows) + ", parts that divide " + std::to_string(columns) +
             "] or one for each block");
  }

  const Checkpoint& checkpoint_;
  const Quantization& quantization_;
  std::string name_, module_;
  Shape shape_;
  QuantizedMatrix matrix_;
  QuantizedParts parts_;
};

}  // namespace

std::string codes_name(const Quantization& quantization, const std::string& name) {
  if (quantization.method == Method::mxfp4) return name + "_blocks";
  const bool words = quantization.method == Method::gptq || quantization.method == Method::awq;
  return words && name.ends_with(kWeight) ? module_of(name) + ".qweight" : name;
}

bool is_stored_quantized(const Checkpoint& checkpoint, const std::string& name) {
  if (!checkpoint.quantization()) return false;
  const std::string codes = codes_name(*checkpoint.quantization(), name);
  if (!checkpoint.has(codes)) return false;
  if (codes != name) return true;
  const std::string_view type = safetensors_dtype(checkpoint.entry(name));
  if (checkpoint.quantization()->method == Method::gguf)
    return !checkpoint.entry(name).unreadable_type.empty();
  return type == "F8_E4M3" || (type == "I8" && checkpoint.quantization()->method != Method::fp8);
}

QuantizedParts open_quantized(const Checkpoint& checkpoint, const std::string& name,
                              const std::vector<std::int64_t>& shape) {
  if (checkpoint.quantization()->method == Method::gguf) {
    const Shape& found = checkpoint.entry(name).shape;
    if (found != shape)
      throw InputError(checkpoint.quantization()->place + ": tensor " + name + " has shape " +
                       text_of(found) + ", expected " + text_of(shape) +
                       "; put the config.json of its model next to it");
    return {checkpoint.blocks(name), {name}, {}};
  }
  return Opener(checkpoint, name, shape).open();
}

std::int64_t weights_per_element(const Quantization& quantization, std::string_view name) {
  const auto ends = [&](std::initializer_list<std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(),
                       [&](std::string_view ending) { return name.ends_with(ending); });
  };
  if (quantization.method == Method::gguf) return 1;
  if (ends({".qweight"})) return kNumbersPerWord;
  if (quantization.method == Method::mxfp4 && ends({"_blocks"})) return 2;
  const bool part = ends({"_scales", ".scales", ".qzeros", ".g_idx", "_scale_inv", "_scale",
                          "_zero_point", ".weight_shape"});
  return part ? 0 : 1;
}

}  // namespace lensbench
