#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/memory_pool.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/schema.h>

#include <algorithm>
#include <memory>

#include "lake/parquet/parquet.h"

namespace waybill::lake {
namespace {

constexpr int64_t batch_rows = 4096;

parquet::Type::type type_of(ColumnType type) {
  switch (type) {
    case ColumnType::int32:
    case ColumnType::date: return parquet::Type::INT32;
    case ColumnType::int64: return parquet::Type::INT64;
    case ColumnType::boolean: return parquet::Type::BOOLEAN;
    case ColumnType::real: return parquet::Type::DOUBLE;
    case ColumnType::text:
    case ColumnType::bytes: return parquet::Type::BYTE_ARRAY;
    case ColumnType::hash: return parquet::Type::FIXED_LEN_BYTE_ARRAY;
  }
  return parquet::Type::UNDEFINED;
}

[[noreturn]] void refuse(const ColumnSpec& spec, std::string_view why) {
  throw parquet::ParquetException("column ", spec.name, ": ", why);
}

// One column of a group of rows, batch by batch. Without a reader: one that is not in the file.
class CellReader {
 public:
  CellReader(const ColumnSpec& spec, std::shared_ptr<parquet::ColumnReader> reader)
      : spec_(spec), reader_(std::move(reader)) {}

  void read(int64_t rows, Cells& into) {
    into.clear();
    into.present.resize(rows, reader_ == nullptr || reader_->descr()->max_definition_level() > 0 ? 0 : 1);
    if (reader_ == nullptr) return;
    switch (spec_.type) {
      case ColumnType::int32:
      case ColumnType::date: return fill<parquet::Int32Type>(into, into.integers);
      case ColumnType::int64: return fill<parquet::Int64Type>(into, into.integers);
      case ColumnType::boolean: return fill<parquet::BooleanType>(into, into.integers);
      case ColumnType::real: return fill<parquet::DoubleType>(into, into.reals);
      case ColumnType::text:
      case ColumnType::bytes: return fill<parquet::ByteArrayType>(into, into.texts);
      case ColumnType::hash: return fill<parquet::FLBAType>(into, into.texts);
    }
  }
  void end() const {
    if (reader_ != nullptr && reader_->HasNext()) refuse(spec_, "has more values than there are rows");
  }

 private:
  template <class Type, class To>
  void fill(Cells& into, std::vector<To>& values) {
    auto& reader = static_cast<parquet::TypedColumnReader<Type>&>(*reader_);
    const auto rows = static_cast<int64_t>(into.present.size());
    const auto buffer = std::make_unique<typename Type::c_type[]>(rows);
    for (int64_t row = 0; row < rows;) {
      int64_t count = 0;
      const int64_t levels = reader.ReadBatch(rows - row, into.present.data() + row, nullptr, buffer.get(), &count);
      if (levels <= 0 || levels > rows - row || count > levels) refuse(spec_, "has fewer values than there are rows");
      row += levels;
      keep<Type>(std::span(buffer.get(), count), into, values);
    }
    const auto present = std::ranges::count(into.present, 1);
    if (present != static_cast<int64_t>(values.size())) refuse(spec_, "has not as many values as it says");
    if (present != rows && spec_.nullable == Nullable::no) refuse(spec_, "has a row without a value");
  }
  // A copy: the reader's texts live until it comes to the next page.
  template <class Type, class To>
  void keep(std::span<const typename Type::c_type> from, Cells& cells, std::vector<To>& into) {
    if constexpr (std::is_same_v<Type, parquet::ByteArrayType>) {
      keep_texts(from, cells, [](const parquet::ByteArray& text) { return std::string_view(text); });
    } else if constexpr (std::is_same_v<Type, parquet::FLBAType>) {
      keep_texts(from, cells, [this](const parquet::FixedLenByteArray& text) {
        return std::string_view(reinterpret_cast<const char*>(text.ptr), reader_->descr()->type_length());
      });
    } else {
      into.insert(into.end(), from.begin(), from.end());
    }
  }
  template <class From, class View>
  static void keep_texts(From from, Cells& cells, View view) {
    size_t bytes = 0;
    for (const auto& text : from) bytes += view(text).size();
    std::string& kept = cells.kept.emplace_back();
    kept.reserve(bytes);
    for (const auto& text : from) {
      kept += view(text);
      cells.texts.push_back(std::string_view(kept).substr(kept.size() - view(text).size()));
    }
  }

  const ColumnSpec& spec_;
  std::shared_ptr<parquet::ColumnReader> reader_;
};

// Where it is in the file; -1 where it is not and need not be.
int place_of(const parquet::SchemaDescriptor& schema, const ColumnSpec& spec) {
  const int place = schema.ColumnIndex(std::string(spec.name));
  if (place < 0) {
    if (spec.nullable == Nullable::no) refuse(spec, "is missing");
    return place;
  }
  const parquet::ColumnDescriptor& column = *schema.Column(place);
  constexpr int hash_bytes = 16;
  if (column.physical_type() != type_of(spec.type) || column.max_repetition_level() != 0 ||
      column.max_definition_level() > 1 || (spec.type == ColumnType::hash && column.type_length() != hash_bytes))
    refuse(spec, "is of another type");
  return place;
}

void expect_table(const parquet::FileMetaData& metadata, std::string_view table) {
  const auto& said = metadata.key_value_metadata();
  if (said == nullptr || said->Get("waybill.table").ValueOr("") != table)
    throw parquet::ParquetException("it does not say that it is of this table");
  if (said->Get("waybill.layout").ValueOr("") != "1")
    throw parquet::ParquetException("its layout is not known to this version");
}

Result<void> read_group(parquet::RowGroupReader& group, std::span<const ColumnSpec> columns,
                        std::span<const int> places, const TakeCells& take) {
  std::vector<CellReader> readers;
  for (size_t i = 0; i < columns.size(); ++i)
    readers.emplace_back(columns[i], places[i] < 0 ? nullptr : group.Column(places[i]));
  std::vector<Cells> cells(columns.size());
  for (int64_t left = group.metadata()->num_rows(); left > 0; left -= batch_rows) {
    const int64_t rows = std::min(left, batch_rows);
    for (size_t i = 0; i < columns.size(); ++i) readers[i].read(rows, cells[i]);
    TRY(take(cells, rows));
  }
  for (const CellReader& reader : readers) reader.end();
  return {};
}

Result<void> read(Bytes file, std::string_view table, std::span<const ColumnSpec> columns, const TakeCells& take) {
  const auto memory = ::arrow::MemoryPool::CreateDefault();
  ::arrow::CappedMemoryPool bounded(memory.get(), read_bytes_max);
  parquet::ReaderProperties properties(&bounded);
  properties.set_page_checksum_verification(true);
  const auto source = std::make_shared<::arrow::io::BufferReader>(std::make_shared<::arrow::Buffer>(
      reinterpret_cast<const uint8_t*>(file.data()), static_cast<int64_t>(file.size())));
  const auto reader = parquet::ParquetFileReader::Open(source, properties);
  const auto metadata = reader->metadata();
  expect_table(*metadata, table);
  std::vector<int> places;
  for (const ColumnSpec& column : columns) places.push_back(place_of(*metadata->schema(), column));
  for (int group = 0; group < metadata->num_row_groups(); ++group)
    TRY(read_group(*reader->RowGroup(group), columns, places, take));
  return {};
}

}  // namespace

Result<void> read_parquet(Bytes file, std::string_view table, std::span<const ColumnSpec> columns,
                          const TakeCells& take) {
  try {
    return read(file, table, columns, take);
  } catch (const std::exception& error) {
    return fail(Code::corrupt, "reading a file of " + std::string(table) + ": " + error.what());
  }
}

}  // namespace waybill::lake
