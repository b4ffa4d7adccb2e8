#include "lake/objects_contract.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/random.h"

namespace waybill::lake {
namespace {

using Keys = std::vector<std::string>;

Result<void> put(Objects& objects, const std::string& key, const std::string& content,
                 IfThere if_there = IfThere::replace) {
  return objects.put(key, as_bytes(content), if_there);
}

std::string bytes_of_every_kind(size_t size) {
  std::string text(size, '\0');
  Random random(size);
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

TEST_P(ObjectsContract, gives_back_what_was_put) {
  const auto objects = open();
  for (const size_t size : {0, 1, 300'000}) {
    const std::string key = "some/folder/of" + std::to_string(size), content = bytes_of_every_kind(size);
    const auto done = put(*objects, key, content);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(content_of(*objects, key) == content) << size;
  }
}

TEST_P(ObjectsContract, a_file_is_put_as_it_is_and_stays) {
  const auto objects = open();
  for (const size_t size : {0, 3'000'000}) {
    const std::string content = bytes_of_every_kind(size);
    const std::string path = file_of(content);
    const auto done = objects->put_file("file", path, IfThere::replace);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(content_of(*objects, "file") == content);
    EXPECT_TRUE(read_file(ground_->files(), path).value() == content);
  }
  EXPECT_EQ(objects->put_file("file", file_of("other"), IfThere::conflict).error().code, Code::conflict);
  EXPECT_FALSE(objects->put_file("never", ground_->scratch() + ".not_there", IfThere::replace));
  EXPECT_EQ(keys_of(*objects), (Keys{"file"}));
}

TEST_P(ObjectsContract, replaces_only_where_it_is_told_to) {
  const auto objects = open();
  ASSERT_TRUE(put(*objects, "a", "first", IfThere::conflict));
  EXPECT_EQ(put(*objects, "a", "second", IfThere::conflict).error().code, Code::conflict);
  EXPECT_EQ(put(*objects, "a", "first", IfThere::conflict).error().code, Code::conflict) << "the same is there too";
  EXPECT_EQ(content_of(*objects, "a"), "first");
  ASSERT_TRUE(put(*objects, "a", "third", IfThere::replace));
  EXPECT_EQ(content_of(*objects, "a"), "third");
}

TEST_P(ObjectsContract, of_several_at_the_same_time_one_is_first) {
  constexpr int threads = 4;
  const auto objects = open(), others = open();
  for (int round = 0; round < 10; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::atomic<int> first{-1}, conflicts{0};
    {
      std::vector<std::jthread> running;
      for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
          const auto done = put(i % 2 ? *objects : *others, key, std::to_string(i), IfThere::conflict);
          EXPECT_TRUE(!done || first.exchange(i) == -1);
          if (!done && done.error().code == Code::conflict) ++conflicts;
        });
    }
    EXPECT_EQ(conflicts, threads - 1);
    EXPECT_EQ(content_of(*objects, key), std::to_string(first));
  }
}

TEST_P(ObjectsContract, nobody_sees_a_part) {
  const auto objects = open();
  const std::string ones(400'000, '1'), twos(500'000, '2');
  ASSERT_TRUE(put(*objects, "a", ones));
  std::jthread writing([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) EXPECT_TRUE(put(*objects, "a", i % 2 ? ones : twos));
  });
  for (int i = 0; i < 30; ++i) {
    const std::string seen = content_of(*objects, "a");
    EXPECT_TRUE(seen == ones || seen == twos) << seen.size() << ' ' << seen.substr(0, 20);
  }
}

TEST_P(ObjectsContract, what_is_not_there_is_not_found_and_fine_to_remove) {
  const auto objects = open();
  EXPECT_EQ(content_of(*objects, "a"), "<not_found>");
  EXPECT_TRUE(objects->remove("a"));
  EXPECT_TRUE(objects->remove("no/such/folder/a"));
  ASSERT_TRUE(put(*objects, "x/a", "1"));
  EXPECT_EQ(content_of(*objects, "x"), "<not_found>");
  EXPECT_TRUE(objects->remove("x"));
  EXPECT_EQ(content_of(*objects, "x/a"), "1");
  EXPECT_TRUE(objects->remove("x/a"));
  EXPECT_EQ(content_of(*objects, "x/a"), "<not_found>");
  EXPECT_EQ(keys_of(*objects), Keys{});
  ASSERT_TRUE(put(*objects, "x/a", "2", IfThere::conflict));
  EXPECT_EQ(content_of(*objects, "x/a"), "2");
}

TEST_P(ObjectsContract, lists_by_prefix_in_the_order_of_bytes) {
  const auto objects = open();
  EXPECT_EQ(keys_of(*objects), Keys{});
  const Keys keys{"a-b", "a/b", "a/b-c", "a0", "b/1", "b/10", "b/2/x", "b/2/y", "b/20", "c"};
  for (const std::string& key : keys) ASSERT_TRUE(put(*objects, key, key + key));
  EXPECT_EQ(keys_of(*objects), keys);
  EXPECT_EQ(keys_of(*objects, "b/2"), (Keys{"b/2/x", "b/2/y", "b/20"}));
  EXPECT_EQ(keys_of(*objects, "b/2/"), (Keys{"b/2/x", "b/2/y"}));
  EXPECT_EQ(keys_of(*objects, "b/2/x"), (Keys{"b/2/x"}));
  EXPECT_EQ(keys_of(*objects, "d"), Keys{});
  EXPECT_EQ(keys_of(*objects, "", "a/b"), (Keys{"a/b-c", "a0", "b/1", "b/10", "b/2/x", "b/2/y", "b/20", "c"}));
  EXPECT_EQ(keys_of(*objects, "b/", "b/10"), (Keys{"b/2/x", "b/2/y", "b/20"}));
  EXPECT_EQ(keys_of(*objects, "b/", "b/2/x"), (Keys{"b/2/y", "b/20"}));
  EXPECT_EQ(keys_of(*objects, "b/", "a"), (Keys{"b/1", "b/10", "b/2/x", "b/2/y", "b/20"}));
  EXPECT_EQ(keys_of(*objects, "b/", "b/3"), Keys{});
  EXPECT_EQ(objects->list("c", "").value(), (std::vector<ObjectInfo>{{.key = "c", .bytes = 2}}));
}

TEST_P(ObjectsContract, lists_more_than_a_store_gives_at_a_time) {
  const auto objects = open();
  Keys keys;
  for (int i = 0; i < 1'005; ++i) keys.push_back("many/" + std::to_string(10'000 + i));
  {
    std::vector<std::jthread> running;
    for (size_t t = 0; t < 4; ++t)
      running.emplace_back([&, t] {
        for (size_t i = t; i < keys.size(); i += 4) EXPECT_TRUE(put(*objects, keys[i], "x"));
      });
  }
  EXPECT_EQ(keys_of(*objects, "many/"), keys);
  EXPECT_EQ(keys_of(*objects, "many/", keys[2]), Keys(keys.begin() + 3, keys.end()));
}

TEST_P(ObjectsContract, every_character_of_a_key_is_itself) {
  const auto objects = open();
  std::string all;
  for (char c = '!'; c <= '~'; ++c)
    if (c != '/' && c != '\\') all += c;
  Keys keys{all,
            "date=2026-11-29/hour=03/part+1%20&x=?#.parquet",
            "%2F",
            "q?a=b&c=d",
            "a<b>\"'&amp;",
            std::string(key_part_bytes_max, 'l')};
  std::ranges::sort(keys);
  for (const std::string& key : keys) {
    const auto done = put(*objects, key, "content of " + key, IfThere::conflict);
    ASSERT_TRUE(done) << done.error().message;
  }
  EXPECT_EQ(keys_of(*objects), keys);
  for (const std::string& key : keys) {
    EXPECT_EQ(content_of(*objects, key), "content of " + key);
    EXPECT_EQ(keys_of(*objects, key), Keys{key});
  }
  for (const std::string& key : keys) EXPECT_TRUE(objects->remove(key)) << key;
  EXPECT_EQ(keys_of(*objects), Keys{});
}

TEST_P(ObjectsContract, refuses_what_is_no_key) {
  const auto objects = open();
  const std::string path = file_of("x");
  for (const char* wrong : {"", "/a", "a//b", "../a", "a/../../b", "in progress/a", "a\n"}) {
    EXPECT_EQ(put(*objects, wrong, "x").error().code, Code::invalid) << wrong;
    EXPECT_EQ(objects->put_file(wrong, path, IfThere::replace).error().code, Code::invalid) << wrong;
    EXPECT_EQ(content_of(*objects, wrong), "<invalid>") << wrong;
    EXPECT_EQ(objects->remove(wrong).error().code, Code::invalid) << wrong;
  }
  EXPECT_EQ(keys_of(*objects), Keys{});
}

TEST_P(ObjectsContract, another_sees_at_once_what_was_put_and_it_outlives_whoever_put_it) {
  auto objects = open();
  const auto other = open();
  EXPECT_EQ(objects->url(), other->url());
  ASSERT_TRUE(put(*objects, "x/a", "1"));
  EXPECT_EQ(content_of(*other, "x/a"), "1");
  EXPECT_EQ(keys_of(*other), (Keys{"x/a"}));
  objects.reset();
  EXPECT_EQ(content_of(*other, "x/a"), "1");
  ASSERT_TRUE(other->remove("x/a"));
  objects = open();
  EXPECT_EQ(content_of(*objects, "x/a"), "<not_found>");
}

class RandomOperations {
 public:
  RandomOperations(uint64_t seed, ObjectsGround& ground) : random_(seed), ground_(ground) {}

  void run(int operations) {
    auto objects = ground_.open().value();
    for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
      if (random_.chance(0.02)) objects = ground_.open().value();
      one(*objects);
    }
  }

 private:
  void one(Objects& objects) {
    const std::string key = "f" + std::to_string(random_.below(3)) + "/k" + std::to_string(random_.below(6));
    switch (random_.below(5)) {
      case 0:
      case 1: one_put(objects, key); break;
      case 2: {
        const auto known = expected_.find(key);
        EXPECT_EQ(content_of(objects, key), known == expected_.end() ? "<not_found>" : known->second);
        break;
      }
      case 3:
        EXPECT_TRUE(objects.remove(key));
        expected_.erase(key);
        break;
      default: one_list(objects); break;
    }
  }

  void one_put(Objects& objects, const std::string& key) {
    const std::string content(random_.below(100), static_cast<char>('a' + random_.below(26)));
    const IfThere if_there = random_.chance(0.5) ? IfThere::conflict : IfThere::replace;
    Result<void> done;
    if (random_.chance(0.3)) {
      EXPECT_TRUE(write_file_atomically(ground_.files(), ground_.scratch(), content));
      done = objects.put_file(key, ground_.scratch(), if_there);
    } else {
      done = objects.put(key, as_bytes(content), if_there);
    }
    if (if_there == IfThere::conflict && expected_.contains(key)) {
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code, Code::conflict);
      return;
    }
    EXPECT_TRUE(done) << done.error().message;
    expected_[key] = content;
  }

  void one_list(const Objects& objects) {
    const std::string folder = "f" + std::to_string(random_.below(3));
    const std::string prefix = random_.chance(0.3) ? "" : random_.chance(0.5) ? folder : folder + "/k";
    const std::string after = random_.chance(0.5) ? "" : folder + "/k" + std::to_string(random_.below(6));
    std::vector<ObjectInfo> found;
    for (const auto& [key, content] : expected_)
      if (key.starts_with(prefix) && key > after) found.push_back({.key = key, .bytes = content.size()});
    EXPECT_EQ(objects.list(prefix, after).value(), found);
  }

  Random random_;
  ObjectsGround& ground_;
  std::map<std::string, std::string> expected_;
};

TEST_P(ObjectsContract, random_operations_do_as_a_map_does) {
  const uint64_t seed = random_seed() % 1'000'000;
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomOperations(seed, *ground_).run(400);
}

}  // namespace
}  // namespace waybill::lake
