#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "vision/prepare.hpp"
// After <cstdio>, whose names it uses.
#include <jpeglib.h>

// From a JPEG file of four megapixels in memory to the rows that a vision tower reads, on one
// thread, and the three parts of it alone. LENSBENCH_BENCHMARK_PICTURE names another file.

namespace lensbench::benchmarks {
namespace {

using namespace vision;

constexpr int kQuality = 90;

/// Smooth areas and edges, as a photograph has.
Picture large_picture() {
  Picture picture{{1739, 2300}, {}};
  picture.rgb.reserve(bytes_of(picture.size, 3));
  const auto add = [&](std::int64_t value) {
    picture.rgb.push_back(static_cast<std::uint8_t>(value % 256));
  };
  for (std::int64_t y = 0; y < picture.size.height; ++y)
    for (std::int64_t x = 0; x < picture.size.width; ++x) {
      add(x * x / 6110 + y / 7);
      add((x / 16 ^ y / 16) * 3 + x * y / 9770);
      add(y * y / 7330 + x / 5);
    }
  return picture;
}

std::string as_jpeg(const Picture& picture) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(picture.size.width);
  info.image_height = static_cast<JDIMENSION>(picture.size.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, kQuality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(picture.rgb.data() +
                                     bytes_of({info.next_scanline, picture.size.width}, 3));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return file;
}

const std::string& picture_file() {
  static const std::string file = [] {
    const char* given = std::getenv("LENSBENCH_BENCHMARK_PICTURE");
    return given != nullptr ? read_picture_file(given) : as_jpeg(large_picture());
  }();
  return file;
}

/// The settings without a file, and those of the published checkpoints, which hardly make a picture
/// of four megapixels smaller.
PictureSettings settings_of(const benchmark::State& state) {
  PictureSettings settings;
  settings.limits.max_pixels = state.range(0);
  return settings;
}

void picture_to_rows(benchmark::State& state) {
  for (auto _ : state) {
    const Picture upright = decode_picture(picture_file(), "picture").upright;
    const PictureSettings settings = settings_of(state);
    const PictureSize size = smart_resize(upright.size, 28, settings.limits, "picture");
    benchmark::DoNotOptimize(pixel_rows(resize_bicubic(upright, size)));
  }
}
BENCHMARK(picture_to_rows)->Arg(1'003'520)->Arg(12'845'056)->Unit(benchmark::kMillisecond);

void picture_decoding(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(decode_picture(picture_file(), "picture"));
}
BENCHMARK(picture_decoding)->Unit(benchmark::kMillisecond);

void picture_resizing(benchmark::State& state) {
  const Picture upright = decode_picture(picture_file(), "picture").upright;
  const PictureSize size = smart_resize(upright.size, 28, settings_of(state).limits, "picture");
  for (auto _ : state) benchmark::DoNotOptimize(resize_bicubic(upright, size));
}
BENCHMARK(picture_resizing)->Arg(1'003'520)->Arg(12'845'056)->Unit(benchmark::kMillisecond);

void picture_rows(benchmark::State& state) {
  const Picture upright = decode_picture(picture_file(), "picture").upright;
  const PictureSize size = smart_resize(upright.size, 28, settings_of(state).limits, "picture");
  const Picture resized = resize_bicubic(upright, size);
  for (auto _ : state) benchmark::DoNotOptimize(pixel_rows(resized));
}
BENCHMARK(picture_rows)->Arg(1'003'520)->Arg(12'845'056)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
