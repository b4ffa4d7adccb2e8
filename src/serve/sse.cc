#include <array>
#include <charconv>
#include <utility>

#include "serve/teller.h"

namespace waybill::serve {
namespace {

class Sse final : public Teller {
 public:
  Sse(Framing framing, std::chrono::milliseconds retry) : framing_(framing) {
    said_ = "retry: " + std::to_string(retry.count()) + "\n\n";
  }

  void event(std::string_view id, std::string_view name, std::string_view data) override {
    said_.reserve(said_.size() + id.size() + name.size() + data.size() + event_frame_bytes);
    if (!id.empty()) said_.append("id: ").append(id).append("\n");
    said_.append("event: ").append(name).append("\ndata: ").append(data).append("\n\n");
  }
  void heartbeat() override { said_ += ": \n\n"; }
  void end(Ending) override { ended_ = true; }
  Heard hear(std::string_view bytes) override {
    heard_bytes_ += bytes.size();
    return heard_bytes_ > heard_bytes_max ? Heard::broken : Heard::well;
  }
  size_t pending() const override { return said_.size(); }

  void flush(std::string& output) override {
    const bool chunked = framing_ == Framing::chunked;
    if (!said_.empty()) {
      if (chunked) append_length(output, said_.size());
      output += said_;
      if (chunked) output += "\r\n";
      said_ = {};  // those who rest keep nothing
    }
    if (ended_ && !std::exchange(end_told_, true) && chunked) output += "0\r\n\r\n";
  }

 private:
  static constexpr size_t event_frame_bytes = 32;  // what stands around id, name and data

  static void append_length(std::string& output, size_t bytes) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes, 16).ptr;
    output.append(digits.data(), end).append("\r\n");
  }

  const Framing framing_;
  std::string said_;
  size_t heard_bytes_ = 0;
  bool ended_ = false;
  bool end_told_ = false;
};

}  // namespace

std::unique_ptr<Teller> make_sse(Framing framing, std::chrono::milliseconds retry) {
  return std::make_unique<Sse>(framing, retry);
}

}  // namespace waybill::serve
