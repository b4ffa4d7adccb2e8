#include "lake/s3/s3_objects.h"

#include <algorithm>

#include "lake/s3/s3_client.h"
#include "lake/source.h"

namespace waybill::lake {
namespace {

const std::string only_where_nothing_is = "If-None-Match: *";
constexpr size_t page_objects_max = 1000;

class S3Objects final : public Objects {
 public:
  S3Objects(S3Options options, Files& files, std::unique_ptr<S3Client> client)
      : options_(std::move(options)),
        root_(options_.prefix.empty() ? "" : options_.prefix + "/"),
        files_(files),
        client_(std::move(client)) {}

  Result<void> put(const std::string& key, Bytes content, IfThere if_there) override {
    return put_source(key, Source(content), if_there);
  }

  Result<void> put_file(const std::string& key, const std::string& path, IfThere if_there) override {
    TRY_LET(const Source source, Source::of_file(files_, path));
    return put_source(key, source, if_there);
  }

  Result<std::string> get(const std::string& key) const override {
    TRY(check_key(key));
    const S3Request request{.method = S3Method::get, .key = root_ + key};
    TRY_LET(S3Answer answer, client_->ask(request));
    if (!answer.ok()) return refused(request, answer);
    return std::move(answer.body);
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix, const std::string& after) const override {
    S3Request request{.method = S3Method::get,
                      .query = {{"list-type", "2"}, {"max-keys", std::to_string(page_objects_max)}}};
    if (!root_.empty() || !prefix.empty()) request.query["prefix"] = root_ + prefix;
    if (!after.empty()) request.query["start-after"] = root_ + after;
    std::vector<ObjectInfo> found;
    for (;;) {
      TRY_LET(const S3Answer answer, client_->ask(request));
      if (!answer.ok()) return refused(request, answer);
      auto page = s3_page(answer.body);
      if (!page) return fail_in("list " + url(), page.error());
      for (ObjectInfo& object : page->objects) {
        if (!object.key.starts_with(root_)) continue;
        object.key.erase(0, root_.size());
        if (is_key(object.key) && object.key > after) found.push_back(std::move(object));
      }
      if (page->next.empty()) break;
      request.query["continuation-token"] = page->next;
    }
    std::ranges::sort(found, {}, &ObjectInfo::key);
    return found;
  }

  Result<void> remove(const std::string& key) override {
    TRY(check_key(key));
    const S3Request request{.method = S3Method::remove, .key = root_ + key};
    TRY_LET(const S3Answer answer, client_->ask(request));
    if (answer.ok() || is_missing(answer)) return {};
    return refused(request, answer);
  }

  std::string url() const override {
    return "s3://" + options_.bucket + (options_.prefix.empty() ? "" : "/" + options_.prefix);
  }

 private:
  static bool is_missing(const S3Answer& answer) {
    return answer.status == 404 && (answer.error.code.empty() || answer.error.code == "NoSuchKey");
  }

  std::unexpected<Error> refused(const S3Request& request, const S3Answer& answer) const {
    Code code = Code::unavailable;
    if (is_missing(answer)) code = Code::not_found;
    if (answer.status == 412) code = Code::conflict;
    if (answer.status == 401 || answer.status == 403) code = Code::denied;
    if (answer.status == 507) code = Code::overloaded;
    std::string why = std::to_string(answer.status);
    if (!answer.error.code.empty()) why += " " + answer.error.code + ": " + answer.error.message;
    if (answer.error.code == "RequestTimeTooSkewed") {
      code = Code::unavailable;
      why = "the clock of this machine differs too much from the store's" +
            (answer.error.server_time.empty() ? "" : ", which says " + answer.error.server_time) + ": set it (" + why +
            ")";
    }
    return fail(code, to_string(request.method) + " " + request.key + " at " + options_.endpoint + ", bucket " +
                          options_.bucket + ": " + why);
  }

  uint64_t part_bytes(uint64_t size) const {
    return std::max(options_.part_bytes, (size + s3_parts_max - 1) / s3_parts_max);
  }

  Result<void> put_source(const std::string& key, const Source& source, IfThere if_there) {
    TRY(check_key(key));
    if (source.size() > options_.part_bytes) return put_parts(key, source, if_there);
    std::string buffer;
    TRY_LET(const Bytes content, source.piece(0, source.size(), buffer));
    S3Request request{.method = S3Method::put, .key = root_ + key, .body = content};
    if (if_there == IfThere::conflict) request.headers.push_back(only_where_nothing_is);
    TRY_LET(const S3Answer answer, client_->ask(request));
    return settled(request, answer, source);
  }

  // What the answer to a put, or to the last step of one in parts, means. After a try that has had no answer, "something is
  // there" and "these parts are no more" may speak of our own.
  Result<void> settled(const S3Request& request, const S3Answer& answer, const Source& source) const {
    if (answer.ok()) return {};
    if (answer.tried_before && (answer.status == 412 || answer.error.code == "NoSuchUpload")) {
      TRY_LET(const bool ours, holds(request.key, source));
      if (ours) return {};
    }
    return refused(request, answer);
  }

  Result<bool> holds(const std::string& whole_key, const Source& source) const {
    const S3Request look{.method = S3Method::head, .key = whole_key};
    TRY_LET(const S3Answer about, client_->ask(look));
    if (is_missing(about)) return false;
    if (!about.ok()) return refused(look, about);
    if (about.content_length != source.size()) return false;
    std::string buffer;
    for (uint64_t at = 0; at < source.size();) {
      const size_t count = std::min(options_.part_bytes, source.size() - at);
      TRY_LET(const Bytes expected, source.piece(at, count, buffer));
      const S3Request request{.method = S3Method::get,
                              .key = whole_key,
                              .headers = {"Range: bytes=" + std::to_string(at) + "-" + std::to_string(at + count - 1)}};
      TRY_LET(const S3Answer answer, client_->ask(request));
      if (!answer.ok()) return refused(request, answer);
      if (answer.body != as_text(expected)) return false;
      at += count;
    }
    return true;
  }

  Result<void> put_parts(const std::string& key, const Source& source, IfThere if_there) {
    const S3Request begin{.method = S3Method::post, .key = root_ + key, .query = {{"uploads", ""}}};
    TRY_LET(const S3Answer begun, client_->ask(begin));
    if (!begun.ok()) return refused(begin, begun);
    TRY_LET(const std::string upload, s3_upload_id(begun.body));
    Result<void> done = send_parts(key, upload, source, if_there);
    // Best effort: what stays of the parts is removed by the bucket's own rule.
    if (!done)
      (void)client_->ask(
          {.method = S3Method::remove, .key = root_ + key, .query = {{"uploadId", upload}}, .repeat = Repeat::never});
    return done;
  }

  Result<void> send_parts(const std::string& key, const std::string& upload, const Source& source, IfThere if_there) {
    std::vector<std::string> etags;
    std::string buffer;
    for (uint64_t at = 0; at < source.size();) {
      const size_t count = std::min(part_bytes(source.size()), source.size() - at);
      TRY_LET(const Bytes part, source.piece(at, count, buffer));
      const S3Request request{.method = S3Method::put,
                              .key = root_ + key,
                              .query = {{"partNumber", std::to_string(etags.size() + 1)}, {"uploadId", upload}},
                              .body = part};
      TRY_LET(const S3Answer answer, client_->ask(request));
      if (!answer.ok()) return refused(request, answer);
      etags.push_back(answer.etag);
      at += count;
    }
    const std::string body = s3_parts(etags);
    S3Request end{
        .method = S3Method::post, .key = root_ + key, .query = {{"uploadId", upload}}, .body = as_bytes(body)};
    if (if_there == IfThere::conflict) end.headers.push_back(only_where_nothing_is);
    TRY_LET(const S3Answer answer, client_->ask(end));
    return settled(end, answer, source);
  }

  const S3Options options_;
  const std::string root_;  // the prefix and its slash
  Files& files_;
  const std::unique_ptr<S3Client> client_;
};

bool is_bucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

// "https://host:port" and nothing else.
bool is_endpoint(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (url.starts_with(scheme) && url.size() > scheme.size())
      return url.find_first_of("/?#@ ", scheme.size()) == std::string_view::npos;
  return false;
}

Result<void> check_options(const S3Options& options) {
  if (!is_endpoint(options.endpoint))
    return fail(Code::invalid, "S3 endpoint: expected http://HOST:PORT or https://HOST, and nothing else in it");
  if (!is_bucket(options.bucket))
    return fail(Code::invalid, "S3 bucket '" + options.bucket + "': expected 3 to 63 of a-z, 0-9, '-' and '.'");
  if (!options.prefix.empty() && (!is_key(options.prefix) || options.prefix.size() > s3_prefix_bytes_max))
    return fail(Code::invalid, "S3 prefix '" + options.prefix + "': expected parts with '/' between them, at most " +
                                   std::to_string(s3_prefix_bytes_max) + " bytes");
  if (options.region.empty()) return fail(Code::invalid, "S3: expected a region");
  if (options.access_key.empty() || options.secret_key.empty())
    return fail(Code::invalid, "S3 at " + options.endpoint + ": expected an access key and its secret");
  return {};
}

}  // namespace

Result<std::unique_ptr<Objects>> open_s3_objects(S3Options options, Files& files) {
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  while (options.prefix.ends_with('/')) options.prefix.pop_back();
  TRY(check_options(options));
  TRY_LET(auto client, open_s3_client(options));
  return std::make_unique<S3Objects>(std::move(options), files, std::move(client));
}

}  // namespace waybill::lake
