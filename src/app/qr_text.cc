#include "app/qr_text.h"

#include <qrencode.h>

#include <memory>

namespace waybill::app {
namespace {

constexpr int margin = 4;  // light modules around it, as scanners want them

// Dark in the upper or lower half of a character cell, two rows of modules a line.
constexpr std::string_view cell_of(bool upper, bool lower) {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}

}  // namespace

Result<std::string> qr_text(std::string_view text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0,
                        QR_ECLEVEL_L),
      &QRcode_free);
  if (!code) return fail(Code::invalid, "is too long for a QR code");
  const auto dark = [&](int row, int column) {
    const bool inside = row >= 0 && column >= 0 && row < code->width && column < code->width;
    return inside && (code->data[row * code->width + column] & 1) != 0;
  };
  constexpr std::string_view black_on_white = "\x1b[30;107m", as_before = "\x1b[0m\n";
  std::string lines;
  for (int row = -margin; row < code->width + margin; row += 2) {
    lines += black_on_white;
    for (int column = -margin; column < code->width + margin; ++column)
      lines += cell_of(dark(row, column), dark(row + 1, column));
    lines += as_before;
  }
  return lines;
}

}  // namespace waybill::app
