#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>

#include "vision/decode/stored_picture.hpp"
// After <cstddef> and <cstdio>, whose names they use.
#include <jpeglib.h>
// After jpeglib.h.
#include <jerror.h>

namespace lensbench::vision {
namespace {

constexpr int kApp1 = JPEG_APP0 + 1;
constexpr unsigned kWholeMarker = 0xffff;
// Encoders write about ten scans; a small file with many more takes minutes to decode.
constexpr int kMostScans = 500;
constexpr std::string_view kExifMark("Exif\0\0", 6);
constexpr std::string_view kXmpMark("http://ns.adobe.com/xap/1.0/\0", 29);

// libjpeg reports an error by a function that must not return. It jumps back into one of the two
// functions below that call libjpeg: they hold nothing that has a destructor.
struct JpegState {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

JpegState& state_of(j_common_ptr info) {
  return *static_cast<JpegState*>(info->client_data);
}

extern "C" {

[[noreturn]] void jpeg_failed(j_common_ptr info) {
  JpegState& state = state_of(info);
  info->err->format_message(info, state.message);
  std::longjmp(state.back, 1);
}

// A file that ends early is filled up with grey, after this warning only. Other warnings are about
// damage inside the data, which Pillow accepts as well.
void jpeg_warned(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) jpeg_failed(info);
}

void jpeg_progressed(j_common_ptr info) {
  JpegState& state = state_of(info);
  if (state.info.input_scan_number <= kMostScans) return;
  std::snprintf(state.message, sizeof state.message, "more than %d scans", kMostScans);
  std::longjmp(state.back, 1);
}

}  // extern "C"

bool read_jpeg_header(JpegState& state, const unsigned char* bytes, unsigned long size) {
  state.info.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = jpeg_failed;
  state.errors.emit_message = jpeg_warned;
  state.info.client_data = &state;
  if (setjmp(state.back) != 0) return false;
  jpeg_create_decompress(&state.info);
  state.progress.progress_monitor = jpeg_progressed;
  state.info.progress = &state.progress;
  jpeg_mem_src(&state.info, bytes, size);
  jpeg_save_markers(&state.info, kApp1, kWholeMarker);
  jpeg_read_header(&state.info, TRUE);
  return true;
}

/// \param pixels  room for all rows of `output_components` channels
bool read_jpeg_pixels(JpegState& state, unsigned char* pixels) {
  if (setjmp(state.back) != 0) return false;
  jpeg_start_decompress(&state.info);
  const std::size_t stride =
      std::size_t{state.info.output_width} * static_cast<unsigned>(state.info.output_components);
  while (state.info.output_scanline < state.info.output_height) {
    JSAMPROW row = pixels + state.info.output_scanline * stride;
    jpeg_read_scanlines(&state.info, &row, 1);
  }
  jpeg_finish_decompress(&state.info);
  return true;
}

struct DestroyJpeg {
  void operator()(JpegState* state) const {
    jpeg_destroy_decompress(&state->info);
    delete state;
  }
};

/// Reads the contents of EXIF and XMP markers. Several EXIF markers are one text.
void read_markers(const JpegState& state, StoredPicture& stored) {
  for (auto* marker = state.info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kExifMark)) stored.exif += data.substr(kExifMark.size());
    if (data.starts_with(kXmpMark)) stored.xmp = data.substr(kXmpMark.size());
  }
}

/// Colours of inks as Pillow converts them. The inks are stored inverted (255: no ink), which every
/// program assumes that follows Adobe.
void convert_cmyk(StoredPicture& stored) {
  const std::vector<std::uint8_t> inks = std::move(stored.pixels);
  stored.pixels.resize(bytes_of(stored.size, 3));
  std::uint8_t* to = stored.pixels.data();
  for (std::size_t i = 0; i < inks.size(); i += 4) {
    const unsigned not_black = inks[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned product = (255U - inks[i + c]) * not_black + 128U;
      const unsigned ink = ((product >> 8U) + product) >> 8U;
      *to++ = static_cast<std::uint8_t>(not_black > ink ? not_black - ink : 0);
    }
  }
}

}  // namespace

StoredPicture decode_jpeg(const PictureFile& file) {
  const std::unique_ptr<JpegState, DestroyJpeg> state(new JpegState{});
  if (!read_jpeg_header(*state, reinterpret_cast<const unsigned char*>(file.bytes.data()),
                        file.bytes.size()))
    file.damaged(PictureFormat::jpeg, state->message);
  StoredPicture stored;
  stored.size = {state->info.image_height, state->info.image_width};
  file.check(stored.size);
  const int colours = state->info.num_components;
  if (colours != 1 && colours != 3 && colours != 4)
    file.damaged(PictureFormat::jpeg, std::to_string(colours) + " colours");
  read_markers(*state, stored);
  state->info.out_color_space = colours == 4 ? JCS_CMYK : JCS_RGB;
  stored.pixels.resize(bytes_of(stored.size, colours == 4 ? 4 : 3));
  if (!read_jpeg_pixels(*state, stored.pixels.data()))
    file.damaged(PictureFormat::jpeg, state->message);
  if (colours == 4) convert_cmyk(stored);
  return stored;
}

}  // namespace lensbench::vision
