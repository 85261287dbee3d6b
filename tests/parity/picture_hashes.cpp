// For pictures.py: reads a request in JSON from each line of the standard input, and writes the
// hashes of what becomes of that picture, or the error.
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "framework/vision/hashes.hpp"
#include "vision/prepare.hpp"

namespace lensbench::vision {
namespace {

using Json = nlohmann::json;

Json answer(const Json& request) {
  PictureSettings settings;
  settings.limits = {request.at("min_pixels"), request.at("max_pixels")};
  DecodeOptions options;
  options.alpha = request.at("alpha") == "white" ? Alpha::white : Alpha::drop;
  options.sixteen_bit = SixteenBit::clip;
  const std::string file = request.at("file");
  try {
    const auto prepared = prepare_picture(read_picture_file(file), file, settings, options);
    const PatchGrid& grid = prepared.rows.grid;
    return {{"orientation", prepared.decoded.orientation},
            {"rgb", prepared.decoded_sha256},
            {"grid", {grid.time, grid.height, grid.width}},
            {"resized", hash_of(prepared.resized.rgb)},
            {"pixel_values", hash_of(prepared.rows.values)}};
  } catch (const InputError& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace
}  // namespace lensbench::vision

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << lensbench::vision::answer(nlohmann::json::parse(line)) << std::endl;
  return 0;
}
