#include "core/parameters/picture_parameters.hpp"

#include <algorithm>

namespace lensbench {

/// The largest area is that of Pillow's limit, above which a picture is refused.
const std::vector<ParameterInfo>& picture_parameters() {
  static const std::vector<ParameterInfo> all = [] {
    constexpr const char* kArea = "[1, 178956970]";
    const ParameterSpec specs[] = {
        {"min_pixels", ParameterType::integer, "", "pixels",
         "smaller pictures are enlarged to this area (default: that of the checkpoint)", kArea},
        {"max_pixels", ParameterType::integer, "", "pixels",
         "larger pictures are reduced to this area (default: that of the checkpoint); the tokens "
         "of "
         "a picture grow with it",
         kArea},
        {"alpha", ParameterType::choice, "drop", "",
         "what becomes of an alpha channel: drop keeps the stored colours, white blends them onto "
         "white",
         "drop|white"},
        {"sixteen_bit", ParameterType::choice, "refuse", "",
         "what becomes of 16-bit grey: scale takes the high byte, clip makes every value above 255 "
         "white, as transformers does",
         "refuse|scale|clip"},
        {"resize_order", ParameterType::choice, "pillow13", "",
         "axis that is resized first: as in Pillow 13, or width_first, as in Pillow before 13",
         "pillow13|width_first"},
        {"keep_images", ParameterType::boolean, "false", "",
         "also store the picture files in the archive, so that pages and replays need no others"}};
    return std::vector<ParameterInfo>(std::begin(specs), std::end(specs));
  }();
  return all;
}

bool is_picture_parameter(std::string_view name) {
  const auto& all = picture_parameters();
  return std::any_of(all.begin(), all.end(),
                     [&](const ParameterInfo& parameter) { return parameter.name == name; });
}

bool is_reserved_parameter(std::string_view name) {
  // `--file images=FOLDER` of `replay` says where pictures are.
  return name == "images" || is_picture_parameter(name);
}

}  // namespace lensbench
