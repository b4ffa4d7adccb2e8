#include "store/mongo/mongo.h"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <mutex>

namespace waybill::store {
namespace {

constexpr const char* default_database = "waybill";
constexpr int command_ms_max = 10'000;  // then the server stops it by itself
constexpr int look_every_ms = 1000;
constexpr int duplicate_key = 11000;
constexpr int collection_exists = 48;

struct Closer {
  void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
  void operator()(mongoc_client_pool_t* pool) const { mongoc_client_pool_destroy(pool); }
  void operator()(mongoc_collection_t* collection) const { mongoc_collection_destroy(collection); }
  void operator()(mongoc_cursor_t* cursor) const { mongoc_cursor_destroy(cursor); }
};
template <class T>
using Held = std::unique_ptr<T, Closer>;

class Bson {
 public:
  Bson() { bson_init(&bson_); }
  ~Bson() { bson_destroy(&bson_); }
  Bson(const Bson&) = delete;
  Bson& operator=(const Bson&) = delete;
  bson_t* get() { return &bson_; }
  const bson_t* get() const { return &bson_; }

 private:
  bson_t bson_;
};

// A document or an array in another, open while it lives.
class Inside {
 public:
  enum class Kind : uint8_t { document, array };
  Inside(bson_t* outer, std::string_view key, Kind kind = Kind::document) : outer_(outer), kind_(kind) {
    const int length = static_cast<int>(key.size());
    if (kind == Kind::array)
      bson_append_array_begin(outer, key.data(), length, &bson_);
    else
      bson_append_document_begin(outer, key.data(), length, &bson_);
  }
  ~Inside() {
    if (kind_ == Kind::array)
      bson_append_array_end(outer_, &bson_);
    else
      bson_append_document_end(outer_, &bson_);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  bson_t* get() { return &bson_; }

 private:
  bson_t* outer_;
  Kind kind_;
  bson_t bson_{};
};

Code code_of(uint32_t domain, uint32_t code) {
  if (domain == MONGOC_ERROR_CLIENT && code == MONGOC_ERROR_CLIENT_AUTHENTICATE) return Code::denied;
  if (domain == MONGOC_ERROR_SASL || domain == MONGOC_ERROR_SCRAM) return Code::denied;
  if (domain != MONGOC_ERROR_SERVER) return Code::unavailable;
  switch (code) {
    case 13:    // Unauthorized
    case 18:    // AuthenticationFailed
    case 8000:  // AtlasError
      return Code::denied;
    case 14031:  // OutOfDiskSpace
      return Code::overloaded;
    case 2:    // BadValue
    case 9:    // FailedToParse
    case 14:   // TypeMismatch
    case 59:   // CommandNotFound
    case 72:   // InvalidOptions
    case 238:  // NotImplemented
      return Code::invalid;
    default: return Code::unavailable;
  }
}

std::unexpected<Error> failed(std::string_view doing, const bson_error_t& error) {
  return fail(code_of(error.domain, error.code), "MongoDB, " + std::string(doing) + ": " + error.message);
}

constexpr std::string_view hex_digits = "0123456789abcdef";

// Digits are ordered as the bytes are.
std::string to_digits(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    text.push_back(hex_digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(hex_digits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

bool from_digits(std::string_view text, std::string& bytes) {
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const size_t high = hex_digits.find(text[i]), low = hex_digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

void append_text(bson_t* into, const char* key, std::string_view text) {
  bson_append_utf8(into, key, -1, text.data(), static_cast<int>(text.size()));
}
void append_number(bson_t* into, const char* key, uint64_t number) {
  bson_append_int64(into, key, -1, static_cast<int64_t>(number));
}

void append_shown(bson_t* into, const Shown& shown) {
  const char* name = shown.name.c_str();
  if (const auto* text = std::get_if<std::string>(&shown.value)) append_text(into, name, *text);
  if (const auto* number = std::get_if<int64_t>(&shown.value)) bson_append_int64(into, name, -1, *number);
  if (const auto* number = std::get_if<double>(&shown.value)) bson_append_double(into, name, -1, *number);
  if (const auto* time = std::get_if<Time>(&shown.value))
    bson_append_date_time(into, name, -1,
                          std::chrono::floor<std::chrono::milliseconds>(*time).time_since_epoch().count());
}

void append_document(bson_t* into, const Document& document) {
  append_text(into, "_id", to_digits(document.id));
  for (const Shown& shown : document.shown) append_shown(into, shown);
  if (document.position) append_number(into, "position", *document.position);
  append_number(into, "n", document.number);
  if (document.value)
    bson_append_binary(into, "v", -1, BSON_SUBTYPE_BINARY, reinterpret_cast<const uint8_t*>(document.value->data()),
                       static_cast<uint32_t>(document.value->size()));
  else
    append_number(into, "removed", document.number);
}

Result<Document> document_of(const bson_t& bson, const std::string& collection) {
  Document document;
  bool has_id = false, has_number = false, was_removed = false;
  bson_iter_t at;
  if (bson_iter_init(&at, &bson))
    while (bson_iter_next(&at)) {
      const std::string_view key = bson_iter_key(&at);
      if (key == "_id" && BSON_ITER_HOLDS_UTF8(&at)) {
        uint32_t length = 0;
        const char* text = bson_iter_utf8(&at, &length);
        has_id = from_digits({text, length}, document.id);
      } else if (key == "v" && BSON_ITER_HOLDS_BINARY(&at)) {
        bson_subtype_t kind{};
        uint32_t length = 0;
        const uint8_t* bytes = nullptr;
        bson_iter_binary(&at, &kind, &length, &bytes);
        document.value.emplace(reinterpret_cast<const char*>(bytes), length);
      } else if (key == "n" && BSON_ITER_HOLDS_INT(&at)) {
        has_number = true;
        document.number = static_cast<uint64_t>(bson_iter_as_int64(&at));
      } else if (key == "position" && BSON_ITER_HOLDS_INT(&at)) {
        document.position = static_cast<uint64_t>(bson_iter_as_int64(&at));
      } else if (key == "removed") {
        was_removed = true;
      }
    }
  if (!has_id || !has_number || document.value.has_value() == was_removed)
    return fail(Code::corrupt, "MongoDB, " + collection + ": a document is not one of ours");
  return document;
}

// What a server says of a change.
struct Answer {
  uint64_t count = 0;  // of documents that it changed
  std::vector<size_t> there;  // places of those whose id is there already
  std::optional<Error> error;
};

void take_write_error(const bson_iter_t& at, Answer& answer, std::string_view doing) {
  bson_iter_t inside;
  int64_t index = -1, code = 0;
  std::string message;
  if (bson_iter_recurse(&at, &inside))
    while (bson_iter_next(&inside)) {
      const std::string_view key = bson_iter_key(&inside);
      if (key == "index" && BSON_ITER_HOLDS_NUMBER(&inside)) index = bson_iter_as_int64(&inside);
      if (key == "code" && BSON_ITER_HOLDS_NUMBER(&inside)) code = bson_iter_as_int64(&inside);
      if (key == "errmsg" && BSON_ITER_HOLDS_UTF8(&inside)) message = bson_iter_utf8(&inside, nullptr);
    }
  if (code == duplicate_key && index >= 0) {
    answer.there.push_back(static_cast<size_t>(index));
    return;
  }
  answer.error = Error{code_of(MONGOC_ERROR_SERVER, static_cast<uint32_t>(code)),
                       "MongoDB, " + std::string(doing) + ", of one document: " + message};
}

Answer answer_of(const bson_t& reply, std::string_view doing) {
  Answer answer;
  bson_iter_t at, inside;
  if (!bson_iter_init(&at, &reply)) return answer;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    if (key == "n" && BSON_ITER_HOLDS_NUMBER(&at)) answer.count = static_cast<uint64_t>(bson_iter_as_int64(&at));
    if (key == "writeErrors" && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &inside))
      while (bson_iter_next(&inside)) take_write_error(inside, answer, doing);
    if (key == "writeConcernError")
      answer.error =
          Error{Code::unavailable, "MongoDB, " + std::string(doing) + ": not on the disks of a majority in time"};
  }
  return answer;
}

// Whether there is a server that takes writes, as libmongoc's own thread sees it. Who would wait for one is told at once once one was seen.
struct Sight {
  std::atomic<bool> there{false};
  std::atomic<bool> lost{false};

  static void changed(const mongoc_apm_topology_changed_t* event) {
    auto& sight = *static_cast<Sight*>(mongoc_apm_topology_changed_get_context(event));
    const bool there =
        mongoc_topology_description_has_writable_server(mongoc_apm_topology_changed_get_new_description(event));
    const bool was_there = sight.there.exchange(there);
    if (there) sight.lost = false;
    if (was_there && !there) sight.lost = true;
  }
};

class MongoDocuments final : public Documents {
 public:
  MongoDocuments(std::unique_ptr<Sight> sight, Held<mongoc_client_pool_t> pool, std::string database)
      : sight_(std::move(sight)), pool_(std::move(pool)), database_(std::move(database)) {}

  Result<void> make(std::span<const Collection> collections) override;
  Result<std::optional<Document>> find(const std::string& collection, std::string_view id) const override;
  Result<std::vector<Document>> read(const std::string& collection, const DocumentRange& range) const override;
  Result<std::vector<size_t>> insert(const std::string& collection, std::span<const Document> documents) override;
  Result<std::vector<size_t>> replace(const std::string& collection, std::span<const Document> documents,
                                      Stays stays) override;
  Result<size_t> remove_below(const std::string& collection, By by, uint64_t below, size_t at_most) override;

 private:
  // One connection of the pool, for as long as it lives.
  class Client {
   public:
    Client(mongoc_client_pool_t* pool, const Sight& sight)
        : pool_(pool), client_(sight.lost ? nullptr : mongoc_client_pool_pop(pool)) {}
    ~Client() {
      if (client_ != nullptr) mongoc_client_pool_push(pool_, client_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    mongoc_client_t* get() const { return client_; }

   private:
    mongoc_client_pool_t* pool_;
    mongoc_client_t* client_;
  };
  std::unexpected<Error> no_connection() const {
    if (sight_->lost) return fail(Code::unavailable, "MongoDB: no server that takes writes is in sight");
    return fail(Code::overloaded, "MongoDB: no connection of the pool gets free");
  }

  // `found` gets each, until it fails.
  template <class Found>
  Result<void> search(const std::string& collection, const Bson& filter, Bson& options, const Found& found) const;
  Result<void> run(std::string_view doing, Bson& command, Bson& reply, int known_error = 0);
  Result<Answer> change(std::string_view doing, Bson& command);
  Result<void> make_index(const std::string& collection, const char* field);
  static Result<std::vector<size_t>> there_of(const Answer& answer, size_t count, const std::string& collection);

  const std::unique_ptr<Sight> sight_;  // outlives the pool, whose thread sees for it
  const Held<mongoc_client_pool_t> pool_;
  const std::string database_;
};

template <class Found>
Result<void> MongoDocuments::search(const std::string& collection, const Bson& filter, Bson& options,
                                    const Found& found) const {
  const Client client(pool_.get(), *sight_);
  if (client.get() == nullptr) return no_connection();
  bson_append_int64(options.get(), "maxTimeMS", -1, command_ms_max);
  const Held<mongoc_collection_t> rows(
      mongoc_client_get_collection(client.get(), database_.c_str(), collection.c_str()));
  const Held<mongoc_cursor_t> cursor(
      mongoc_collection_find_with_opts(rows.get(), filter.get(), options.get(), nullptr));
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor.get(), &document)) TRY(found(*document));
  if (bson_error_t error; mongoc_cursor_error(cursor.get(), &error)) return failed("read " + collection, error);
  return {};
}

Result<void> MongoDocuments::run(std::string_view doing, Bson& command, Bson& reply, int known_error) {
  const Client client(pool_.get(), *sight_);
  if (client.get() == nullptr) return no_connection();
  bson_error_t error;
  bson_destroy(reply.get());
  const bool done =
      mongoc_client_command_simple(client.get(), database_.c_str(), command.get(), nullptr, reply.get(), &error);
  if (done || (known_error != 0 && error.code == static_cast<uint32_t>(known_error))) return {};
  return failed(doing, error);
}

void append_write_concern(bson_t* command) {
  Inside concern(command, "writeConcern");
  append_text(concern.get(), "w", "majority");
  bson_append_bool(concern.get(), "j", -1, true);
  bson_append_int32(concern.get(), "wtimeout", -1, command_ms_max);
}

Result<Answer> MongoDocuments::change(std::string_view doing, Bson& command) {
  bson_append_bool(command.get(), "ordered", -1, false);
  bson_append_int64(command.get(), "maxTimeMS", -1, command_ms_max);
  append_write_concern(command.get());
  Bson reply;
  TRY(run(doing, command, reply));
  Answer answer = answer_of(*reply.get(), doing);
  if (answer.error) return std::unexpected(std::move(*answer.error));
  return answer;
}

Result<void> MongoDocuments::make_index(const std::string& collection, const char* field) {
  Bson command;
  append_text(command.get(), "createIndexes", collection);
  {
    Inside indexes(command.get(), "indexes", Inside::Kind::array);
    Inside index(indexes.get(), "0");
    {
      Inside key(index.get(), "key");
      bson_append_int32(key.get(), field, -1, 1);
    }
    append_text(index.get(), "name", std::string(field) + "_1");
    bson_append_bool(index.get(), "sparse", -1, true);  // of most there is none
  }
  Bson reply;
  return run("index " + collection, command, reply);
}

Result<void> MongoDocuments::make(std::span<const Collection> collections) {
  for (const Collection& collection : collections) {
    Bson command, reply;
    append_text(command.get(), "create", collection.name);
    TRY(run("create " + collection.name, command, reply, collection_exists));
    TRY(make_index(collection.name, "removed"));
    if (collection.by_position) TRY(make_index(collection.name, "position"));
  }
  return {};
}

Result<std::optional<Document>> MongoDocuments::find(const std::string& collection, std::string_view id) const {
  Bson filter, options;
  append_text(filter.get(), "_id", to_digits(id));
  bson_append_int64(options.get(), "limit", -1, 1);
  std::optional<Document> found;
  TRY(search(collection, filter, options, [&](const bson_t& bson) -> Result<void> {
    TRY_LET(found, document_of(bson, collection));
    return {};
  }));
  return found;
}

void append_fields_that_are_read(bson_t* options) {
  Inside fields(options, "projection");
  for (const char* name : {"n", "v", "removed", "position"}) bson_append_int32(fields.get(), name, -1, 1);
}

Result<std::vector<Document>> MongoDocuments::read(const std::string& collection, const DocumentRange& range) const {
  Bson filter, options;
  {
    Inside id(filter.get(), "_id");
    const char* begins = range.backwards ? "$lt" : "$gt";
    append_text(id.get(), (std::string(begins) + (range.from_included ? "e" : "")).c_str(), to_digits(range.from));
    if (!range.end.empty()) append_text(id.get(), range.backwards ? "$gte" : "$lt", to_digits(range.end));
  }
  {
    Inside order(options.get(), "sort");
    bson_append_int32(order.get(), "_id", -1, range.backwards ? -1 : 1);
  }
  append_fields_that_are_read(options.get());
  bson_append_int64(options.get(), "limit", -1, static_cast<int64_t>(range.limit));
  bson_append_int64(options.get(), "batchSize", -1, static_cast<int64_t>(range.limit));
  std::vector<Document> found;
  TRY(search(collection, filter, options, [&](const bson_t& bson) -> Result<void> {
    TRY_LET(Document document, document_of(bson, collection));
    found.push_back(std::move(document));
    return {};
  }));
  return found;
}

// A place in an array as BSON names it.
class Place {
 public:
  explicit Place(size_t number) {
    const auto [end, error] = std::to_chars(text_.data(), text_.data() + text_.size(), number);
    text_view_ = {text_.data(), static_cast<size_t>(end - text_.data())};
  }
  std::string_view text() const { return text_view_; }

 private:
  std::array<char, 20> text_{};
  std::string_view text_view_;
};

Result<std::vector<size_t>> MongoDocuments::there_of(const Answer& answer, size_t count,
                                                     const std::string& collection) {
  if (answer.count + answer.there.size() != count)
    return fail(Code::unavailable, "MongoDB, " + collection + ": it says that it changed " +
                                       std::to_string(answer.count) + " of " + std::to_string(count) + " documents");
  return answer.there;
}

Result<std::vector<size_t>> MongoDocuments::insert(const std::string& collection, std::span<const Document> documents) {
  Bson command;
  append_text(command.get(), "insert", collection);
  {
    Inside all(command.get(), "documents", Inside::Kind::array);
    for (size_t i = 0; i < documents.size(); ++i) {
      Inside document(all.get(), Place(i).text());
      append_document(document.get(), documents[i]);
    }
  }
  TRY_LET(const Answer answer, change("insert into " + collection, command));
  return there_of(answer, documents.size(), collection);
}

Result<std::vector<size_t>> MongoDocuments::replace(const std::string& collection, std::span<const Document> documents,
                                                    Stays stays) {
  Bson command;
  append_text(command.get(), "update", collection);
  {
    Inside all(command.get(), "updates", Inside::Kind::array);
    for (size_t i = 0; i < documents.size(); ++i) {
      Inside update(all.get(), Place(i).text());
      {
        // Where one is there that stays nothing is found, and inserting it is a duplicate key.
        Inside which(update.get(), "q");
        append_text(which.get(), "_id", to_digits(documents[i].id));
        Inside number(which.get(), "n");
        append_number(number.get(), stays == Stays::higher ? "$lte" : "$lt", documents[i].number);
      }
      {
        Inside document(update.get(), "u");
        append_document(document.get(), documents[i]);
      }
      bson_append_bool(update.get(), "upsert", -1, true);
    }
  }
  TRY_LET(const Answer answer, change("write " + collection, command));
  if (documents.size() == 1 || answer.there.empty() || answer.count + answer.there.size() == documents.size())
    return there_of(answer, documents.size(), collection);
  // A server that stopped at the first one: each by itself.
  std::vector<size_t> there;
  for (size_t i = 0; i < documents.size(); ++i) {
    TRY_LET(const std::vector<size_t> one, replace(collection, documents.subspan(i, 1), stays));
    if (!one.empty()) there.push_back(i);
  }
  return there;
}

Result<size_t> MongoDocuments::remove_below(const std::string& collection, By by, uint64_t below, size_t at_most) {
  const char* const field = by == By::number ? "n" : by == By::position ? "position" : "removed";
  Bson filter, options, command;
  {
    Inside which(filter.get(), field);
    append_number(which.get(), "$lt", below);
  }
  {
    Inside fields(options.get(), "projection");
    bson_append_int32(fields.get(), "_id", -1, 1);
  }
  bson_append_int64(options.get(), "limit", -1, static_cast<int64_t>(at_most));
  size_t count = 0;
  append_text(command.get(), "delete", collection);
  {
    Inside deletes(command.get(), "deletes", Inside::Kind::array);
    Inside one(deletes.get(), "0");
    {
      Inside which(one.get(), "q");
      {
        Inside id(which.get(), "_id");
        Inside ids(id.get(), "$in", Inside::Kind::array);
        TRY(search(collection, filter, options, [&](const bson_t& bson) -> Result<void> {
          bson_iter_t at;
          if (!bson_iter_init_find(&at, &bson, "_id") || !BSON_ITER_HOLDS_UTF8(&at)) return {};
          append_text(ids.get(), std::string(Place(count++).text()).c_str(), bson_iter_utf8(&at, nullptr));
          return {};
        }));
      }
      Inside number(which.get(), field);
      append_number(number.get(), "$lt", below);
    }
    bson_append_int32(one.get(), "limit", -1, 0);
  }
  if (count == 0) return 0;
  TRY_LET(const Answer answer, change("remove from " + collection, command));
  return answer.count;
}

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_init();
    mongoc_log_set_handler(nullptr, nullptr);  // what it would say comes back as errors
  });
}

void set_where_not_given(mongoc_uri_t* uri, const char* option, int32_t value) {
  if (!mongoc_uri_has_option(uri, option)) mongoc_uri_set_option_as_int32(uri, option, value);
}

// The user stands in the URL, since some options are none without one; the password never does.
std::string with_user(const MongoOptions& options) {
  const size_t hosts = options.url.find("://");
  if (options.user.empty() || hosts == std::string::npos) return options.url;
  std::string escaped;
  for (const char c : options.user)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      escaped += c;
    else
      escaped += '%' + to_digits({&c, 1});
  return options.url.substr(0, hosts + 3) + escaped + '@' + options.url.substr(hosts + 3);
}

Result<std::unique_ptr<Documents>> open(const MongoOptions& options) {
  start_library();
  bson_error_t error;
  const Held<mongoc_uri_t> uri(mongoc_uri_new_with_error(with_user(options).c_str(), &error));
  if (!uri) return fail(Code::invalid, "store.url: " + std::string(error.message));
  if (!options.user.empty()) mongoc_uri_set_password(uri.get(), options.password.c_str());
  if (!options.ca_file.empty()) {
    mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_TLS, true);
    mongoc_uri_set_option_as_utf8(uri.get(), MONGOC_URI_TLSCAFILE, options.ca_file.c_str());
  }
  set_where_not_given(uri.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, server_wait_ms_max);
  set_where_not_given(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, server_wait_ms_max);
  set_where_not_given(uri.get(), MONGOC_URI_WAITQUEUETIMEOUTMS, server_wait_ms_max);
  set_where_not_given(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, answer_ms_max);
  set_where_not_given(uri.get(), MONGOC_URI_HEARTBEATFREQUENCYMS, look_every_ms);
  // What was not answered is asked again by those who know what it was.
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_RETRYWRITES, false);
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_RETRYREADS, false);
  // Of all that is read it was acknowledged that it stays.
  mongoc_read_concern_t* const concern = mongoc_read_concern_new();
  mongoc_read_concern_set_level(concern, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
  mongoc_uri_set_read_concern(uri.get(), concern);
  mongoc_read_concern_destroy(concern);
  Held<mongoc_client_pool_t> pool(mongoc_client_pool_new_with_error(uri.get(), &error));
  if (!pool) return fail(Code::invalid, "store.url: " + std::string(error.message));
  mongoc_client_pool_set_error_api(pool.get(), MONGOC_ERROR_API_VERSION_2);
  mongoc_client_pool_set_appname(pool.get(), "waybill");
  auto sight = std::make_unique<Sight>();
  mongoc_apm_callbacks_t* const callbacks = mongoc_apm_callbacks_new();
  mongoc_apm_set_topology_changed_cb(callbacks, &Sight::changed);
  mongoc_client_pool_set_apm_callbacks(pool.get(), callbacks, sight.get());
  mongoc_apm_callbacks_destroy(callbacks);
  const char* const database = mongoc_uri_get_database(uri.get());
  return std::make_unique<MongoDocuments>(std::move(sight), std::move(pool),
                                          database != nullptr ? database : default_database);
}

}  // namespace

extern "C" const Mongo waybill_store_mongo = {.open = open};

}  // namespace waybill::store
