#include "app/lines.h"

#include <algorithm>
#include <cstdio>

#include "base/files.h"
#include "base/hash.h"
#include "wire/gzip_reader.h"
#include "wire/tables_in.h"

namespace waybill::app {
namespace {

constexpr size_t piece_bytes = 64 << 10;

// The file's bytes, unpacked, piece by piece.
class Text {
 public:
  static Result<std::unique_ptr<Text>> open(const std::string& path) {
    auto text = std::make_unique<Text>();
    if (path != "-") {
      auto file = system_files().open(path, OpenMode::read);
      if (!file) return fail_in("open " + path, file.error());
      text->file_ = std::move(*file);
    }
    return text;
  }

  // Appends some more to `into`; false at the end.
  Result<bool> more(std::string& into) {
    TRY_LET(const size_t size, read_piece());
    const std::string_view piece(piece_, size);
    if (at_ == size && piece.starts_with("\x1f\x8b")) gzip_ = std::make_unique<wire::GzipReader>();
    if (size == 0 && gzip_ && !gzip_->whole()) return fail(Code::invalid, "gzip: the end is missing");
    if (!gzip_)
      into.append(piece);
    else
      TRY(gzip_->unpack(piece, into));
    return size > 0;
  }

 private:
  Result<size_t> read_piece() {
    size_t size = 0;
    if (file_) {
      TRY_LET(size, file_->read_at(at_, std::as_writable_bytes(std::span(piece_))));
    } else {
      size = std::fread(piece_, 1, sizeof piece_, stdin);
      if (size == 0 && std::ferror(stdin) != 0) return fail(Code::unavailable, "read standard input");
    }
    at_ += size;
    return size;
  }

  std::unique_ptr<File> file_;
  uint64_t at_ = 0;
  std::unique_ptr<wire::GzipReader> gzip_;
  char piece_[piece_bytes];
};

class NdjsonLines final : public Lines {
 public:
  explicit NdjsonLines(std::unique_ptr<Text> text) : text_(std::move(text)) {}

  Result<std::optional<Line>> next() override {
    while (true) {
      const size_t end = buffer_.find('\n', searched_);
      if (end != std::string::npos) {
        Line line = cut(end);
        begin_ = searched_ = end + 1;
        if (line.too_long || !line.text.empty()) return line;
        continue;
      }
      searched_ = buffer_.size();
      if (ended_) return std::nullopt;
      TRY(read_on());
    }
  }

 private:
  Result<void> read_on() {
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    // Of a line that is too long only the fact is kept.
    if (buffer_.size() > line_bytes_max) {
      skipping_ = true;
      buffer_.clear();
      searched_ = 0;
    }
    TRY_LET(const bool more, text_->more(buffer_));
    if (more) return {};
    ended_ = true;
    if (skipping_ || !buffer_.empty()) buffer_ += '\n';
    return {};
  }

  Line cut(size_t end) {
    std::string_view text(buffer_.data() + begin_, end - begin_);
    if (number_ == 0 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    const bool too_long = std::exchange(skipping_, false) || text.size() > line_bytes_max;
    return {.number = ++number_, .text = too_long ? std::string() : std::string(text), .too_long = too_long};
  }

  std::unique_ptr<Text> text_;
  std::string buffer_;
  size_t begin_ = 0;     // of the next line
  size_t searched_ = 0;  // no line break between begin_ and here
  uint64_t number_ = 0;
  bool skipping_ = false;
  bool ended_ = false;
};

class TableLines final : public Lines {
 public:
  TableLines(std::vector<std::string> texts, uint64_t first) : texts_(std::move(texts)), first_(first) {}

  Result<std::optional<Line>> next() override {
    if (next_ == texts_.size()) return std::nullopt;
    Line line{.number = first_ + next_, .text = std::move(texts_[next_]), .too_long = false};
    ++next_;
    return line;
  }

 private:
  std::vector<std::string> texts_;
  uint64_t first_;
  size_t next_ = 0;
};

Result<std::string> whole(Text& text, const std::string& path) {
  std::string content;
  while (true) {
    TRY_LET(const bool more, text.more(content));
    if (!more) return content;
    if (content.size() > table_bytes_max)
      return fail(Code::overloaded, path + ": CSV and GPX may have " + std::to_string(table_bytes_max) +
                                        " bytes; make it NDJSON, or several files");
  }
}

std::string base_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name;
}

LinesForm form_of(const LinesOptions& options) {
  if (options.form != LinesForm::by_name) return options.form;
  std::string name = base_name(options.path);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name.ends_with(".csv") ? LinesForm::csv : name.ends_with(".gpx") ? LinesForm::gpx : LinesForm::ndjson;
}

}  // namespace

Result<std::unique_ptr<Lines>> open_lines(const LinesOptions& options) {
  const LinesForm form = form_of(options);
  if (form != LinesForm::csv && !options.columns.empty())
    return fail(Code::invalid, options.path + ": columns can be mapped in CSV only");
  TRY_LET(auto text, Text::open(options.path));
  if (form == LinesForm::ndjson) return std::make_unique<NdjsonLines>(std::move(text));

  TRY_LET(const std::string content, whole(*text, options.path));
  if (form == LinesForm::gpx) {
    const std::string name = base_name(options.path);
    TRY_LET(auto points, wire::gpx_to_json(content, name.substr(0, name.rfind('.'))));
    return std::make_unique<TableLines>(std::move(points), 1);
  }
  TRY_LET(const wire::Csv csv, wire::parse_csv(content));
  for (const auto& [ours, theirs] : options.columns)
    if (std::ranges::find(csv.header, theirs) == csv.header.end())
      return fail(Code::invalid, options.path + ": there is no column '" + theirs + "' for " + ours);
  return std::make_unique<TableLines>(wire::csv_to_json(csv, options.columns), 2);
}

Result<FileHead> head_of(const std::string& path, uint64_t bytes) {
  TRY_LET(auto file, system_files().open(path, OpenMode::read));
  std::string head(std::min<uint64_t>(bytes == 0 ? head_bytes_max : bytes, head_bytes_max), '\0');
  TRY_LET(const size_t size, file->read_at(0, std::as_writable_bytes(std::span(head.data(), head.size()))));
  return FileHead{.bytes = size, .hash = to_hex(hash128(as_bytes(std::string_view(head).substr(0, size))))};
}

}  // namespace waybill::app
