#include "vision/encode/jpeg.hpp"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <lensbench/error.hpp>
#include <memory>
// After <cstddef> and <cstdio>, whose names it uses.
#include <jpeglib.h>

namespace lensbench::vision {
namespace {

// libjpeg reports an error by a function that must not return. It jumps back into the function
// below that calls libjpeg, which holds nothing that has a destructor.
struct JpegWriter {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  unsigned char* bytes;
  unsigned long size;
};

extern "C" {

[[noreturn]] void jpeg_not_written(j_common_ptr info) {
  auto& writer = *static_cast<JpegWriter*>(info->client_data);
  info->err->format_message(info, writer.message);
  std::longjmp(writer.back, 1);
}

}  // extern "C"

bool write_jpeg(JpegWriter& writer, const Picture& picture, int quality) {
  writer.info.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = jpeg_not_written;
  writer.info.client_data = &writer;
  if (setjmp(writer.back) != 0) return false;
  jpeg_create_compress(&writer.info);
  jpeg_mem_dest(&writer.info, &writer.bytes, &writer.size);
  writer.info.image_width = static_cast<JDIMENSION>(picture.size.width);
  writer.info.image_height = static_cast<JDIMENSION>(picture.size.height);
  writer.info.input_components = 3;
  writer.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&writer.info);
  jpeg_set_quality(&writer.info, quality, TRUE);
  writer.info.optimize_coding = TRUE;
  jpeg_start_compress(&writer.info, TRUE);
  const std::size_t stride = bytes_of({1, picture.size.width}, 3);
  while (writer.info.next_scanline < writer.info.image_height) {
    // libjpeg does not change its input; the interface of C lacks the const.
    JSAMPROW row =
        const_cast<std::uint8_t*>(picture.rgb.data()) + writer.info.next_scanline * stride;
    jpeg_write_scanlines(&writer.info, &row, 1);
  }
  jpeg_finish_compress(&writer.info);
  return true;
}

struct DestroyJpegWriter {
  void operator()(JpegWriter* writer) const {
    jpeg_destroy_compress(&writer->info);
    std::free(writer->bytes);  // libjpeg allocates by malloc
    delete writer;
  }
};

}  // namespace

std::string jpeg_of(const Picture& picture, int quality) {
  const std::unique_ptr<JpegWriter, DestroyJpegWriter> writer(new JpegWriter{});
  if (!write_jpeg(*writer, picture, quality))
    throw RunError(std::string("JPEG: the picture cannot be written (") + writer->message + ")");
  return {reinterpret_cast<const char*>(writer->bytes), writer->size};
}

}  // namespace lensbench::vision
