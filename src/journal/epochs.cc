#include "journal/epochs.h"

#include <algorithm>
#include <charconv>

namespace waybill::journal {
namespace {

constexpr std::string_view first_line = "waybill epochs 1\n";
constexpr std::string_view file_name = "epochs";

template <class Number>
bool take_number(std::string_view& text, Number& into, char behind) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc() || end == text.data() + text.size() || *end != behind) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

// Of offsets or of watermarks: the largest that the epoch before `next` may have.
enum class Of { records, watermarks };

Result<void> check_in(const std::vector<Epoch>& all, uint32_t epoch, uint64_t offset, Of of) {
  const auto found = std::ranges::find(all, epoch, &Epoch::number);
  if (found == all.end())
    return fail(Code::not_found, "epoch " + std::to_string(epoch) + " is none of this journal's, its newest is " +
                                     std::to_string(all.empty() ? 0 : all.back().number));
  const std::string given = std::to_string(epoch) + ", offset " + std::to_string(offset);
  if (offset < found->begin)
    return fail(Code::conflict,
                "epoch " + given + " was never given: this epoch begins at offset " + std::to_string(found->begin));
  const auto next = std::next(found);
  if (next == all.end()) return {};
  const uint64_t most = of == Of::records ? next->begin - 1 : next->begin;
  if (offset <= most) return {};
  return fail(Code::conflict,
              "epoch " + given + " is gone: this folder was restored from a backup that ends at offset " +
                  std::to_string(next->begin) + ", where epoch " + std::to_string(next->number) + " begins");
}

}  // namespace

uint32_t Epochs::of(uint64_t offset) const {
  const auto behind = std::ranges::upper_bound(all_, offset, {}, &Epoch::begin);
  return behind == all_.begin() ? 0 : std::prev(behind)->number;
}

Result<void> Epochs::check(uint32_t epoch, uint64_t offset) const { return check_in(all_, epoch, offset, Of::records); }

Result<void> Epochs::check_watermark(uint32_t epoch, uint64_t offset) const {
  return check_in(all_, epoch, offset, Of::watermarks);
}

Result<Epochs> read_epochs(Files& files, const std::string& folder) {
  const std::string path = join_path(folder, file_name);
  const Result<std::string> text = read_file(files, path);
  if (!text && text.error().code == Code::not_found) return Epochs();
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  const auto damaged = [&] { return fail(Code::corrupt, path + ": damaged: not the epochs of a journal"); };
  if (!rest.starts_with(first_line)) return damaged();
  rest.remove_prefix(first_line.size());
  std::vector<Epoch> all;
  while (!rest.empty()) {
    Epoch epoch;
    if (!take_number(rest, epoch.number, ' ') || !take_number(rest, epoch.begin, '\n')) return damaged();
    const bool follows =
        all.empty() ? epoch.begin == 0 : epoch.number > all.back().number && epoch.begin >= all.back().begin;
    if (!follows) return damaged();
    all.push_back(epoch);
  }
  if (all.empty()) return damaged();
  return Epochs(std::move(all));
}

Result<void> write_epochs(Files& files, const std::string& folder, const Epochs& epochs) {
  std::string text(first_line);
  for (const Epoch& epoch : epochs.all())
    text += std::to_string(epoch.number) + ' ' + std::to_string(epoch.begin) + '\n';
  return write_file_atomically(files, join_path(folder, file_name), text);
}

}  // namespace waybill::journal
