// store/simulated_documents.h — a database of documents in memory that goes away, answers twice, does half and does things late on purpose, for tests.
//
// Threads: all methods from any thread. Copies are the same database.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "base/random.h"
#include "store/documents.h"

namespace waybill::store {

// What may happen to one call: by chance, or to the n-th.
enum class Trouble : uint8_t {
  none,
  not_done,  // and no answer
  done,  // and no answer
  half,  // some documents of the change, and no answer
  late,  // no answer; done a few calls later
  twice,  // done a second time a few calls later
  lost,  // answered as if it were done
};

class SimulatedDocuments final : public Documents {
 public:
  Result<void> make(std::span<const Collection> made) override {
    return change([](Content&, size_t) {}, made.size());
  }
  Result<std::optional<Document>> find(const std::string& collection, std::string_view id) const override;
  Result<std::vector<Document>> read(const std::string& collection, const DocumentRange& range) const override;
  Result<std::vector<size_t>> insert(const std::string& collection, std::span<const Document> documents) override {
    return put(collection, documents, [](const Document&, const Document&) { return true; });
  }
  Result<std::vector<size_t>> replace(const std::string& collection, std::span<const Document> documents,
                                      Stays stays) override {
    if (stays == Stays::higher)
      return put(collection, documents,
                 [](const Document& there, const Document& document) { return there.number > document.number; });
    return put(collection, documents,
               [](const Document& there, const Document& document) { return there.number >= document.number; });
  }
  Result<size_t> remove_below(const std::string& collection, By by, uint64_t below, size_t at_most) override;

  void trouble_at(uint64_t call, Trouble trouble);  // from 1 on, counted from now
  void trouble_by_chance(double share, uint64_t seed);
  void go_away(bool away);  // every call answers unavailable
  uint64_t calls() const;  // since trouble_at()
  std::map<std::string, Document> all(const std::string& collection) const;
  void lose(const std::string& collection, const std::string& id);  // as a database that does not keep what it has

 private:
  using Rows = std::map<std::string, Document>;
  using Content = std::map<std::string, Rows>;
  using Change = std::function<void(Content&, size_t documents)>;  // the first so many of them
  struct Late {
    uint64_t at_call;
    std::function<void(Content&)> change;
  };
  struct Inner {
    std::mutex mutex;
    Content content;
    std::vector<Late> late;
    uint64_t calls = 0, trouble_call = 0;
    Trouble trouble = Trouble::none;
    double share = 0;
    Random random{1};
    bool away = false;
  };

  using IsStronger = bool (*)(const Document& there, const Document& document);

  Result<std::vector<size_t>> put(const std::string& collection, std::span<const Document> documents,
                                  IsStronger is_stronger);
  Trouble next() const;
  Result<void> change(Change change, size_t documents);
  static std::unexpected<Error> no_answer() { return fail(Code::unavailable, "simulated: no answer"); }

  std::shared_ptr<Inner> inner_ = std::make_shared<Inner>();  // shared: by the test and the tables that stand on it
};

}  // namespace waybill::store
