#include "app/wrapped.h"

#include <algorithm>

namespace waybill::app {

std::vector<std::string> wrapped(std::string text, size_t width) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t cut = std::min(width, text.size());
    if (cut < text.size())
      if (const size_t blank = text.rfind(' ', cut); blank != std::string::npos && blank > 0) cut = blank;
    lines.push_back(text.substr(0, cut));
    text.erase(0, std::min(text.find_first_not_of(' ', cut), text.size()));
  }
  return lines;
}

}  // namespace waybill::app
