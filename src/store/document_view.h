// store/document_view.h — one moment of tables on documents: rows as they are there, and over them, from memory, the batch that is being put.
//
// Threads: Moments from any. What a view is open for, see document_tables.h.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "store/document_batch.h"
#include "store/documents.h"
#include "store/tables.h"

namespace waybill::store {

// What was written up to the batch on top, which may not be in the rows yet.
struct Moment {
  std::shared_ptr<const Changes> on_top;  // shared: with the batch that is put into the rows; null: all of it is there
  size_t views = 0;  // that show it
  bool over = false;  // rows have changed under it
};

// Of who reads beside the owner: rows that are newer than its moment are told by their numbers.
struct Beside {
  uint64_t number = 0;  // of the last batch that it shows
  uint64_t visible = 0;  // a row of a position from here on has come since, and took nobody's place
  uint64_t purged = 0;
};

class Moments {
 public:
  // From here on views show these changes over the rows; gives the moment before.
  std::shared_ptr<Moment> go_on(std::shared_ptr<const Changes> on_top);
  // Until nobody shows the moment any more; who still does after this time has an old view then. False: somebody had.
  bool wait_out(const std::shared_ptr<Moment>& moment, std::chrono::milliseconds at_most);

  std::shared_ptr<Moment> enter();
  void leave(const std::shared_ptr<Moment>& moment);
  bool is_over(const Moment& moment) const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::shared_ptr<Moment> now_ = std::make_shared<Moment>();  // shared: with the views that show it
};

// `beside`: null for the owner's own.
std::unique_ptr<View> open_document_view(const Documents& documents, Moments& moments, const Beside* beside);

}  // namespace waybill::store
